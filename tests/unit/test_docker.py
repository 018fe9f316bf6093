"""What can be checked of docker/ without Docker: it holds what runs, exactly as it was tested, and nothing else."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final

import jsonschema
import pytest
import yaml

from tests.containers.ways import JOBS, ROLES, by_compose
from tests.manifests import COMPOSE
from tests.stack import ROOT

NOT_IN_THE_IMAGE = {"local", "bench", "demo", "tests"}
READ = ["-q", "-p", "no:cacheprovider", "tests/unit/test_ingest_formats.py", "-k", "dsmr or telegram"]
COMPOSE_SCHEMA: Final = json.loads((ROOT / "tests" / "schemas" / "compose-spec.json").read_text())
AGAIN = "docker/requirements.lock is out of step; `make lock` makes it again"


def pins(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==([^ \\]+)", lock.read_text(), re.MULTILINE))


def test_the_image_runs_the_versions_that_were_tested() -> None:
    runs, tested = pins(ROOT / "docker" / "requirements.lock"), pins(ROOT / "requirements.lock")
    assert runs.items() <= tested.items(), AGAIN
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dashboard"], *project["dependency-groups"]["ingest"]]
    direct = dict(re.fullmatch(r"([a-z0-9-]+)(?:\[.*\])?==(.+)", line).groups() for line in wanted)  # type: ignore[union-attr,misc]
    assert direct.items() <= runs.items(), AGAIN


def test_telegrams_are_read_without_the_package_that_is_no_wheel() -> None:
    """The image is made from wheels only, so tailer is not in it: ingest must not need what of dsmr-parser does."""
    assert "tailer" not in pins(ROOT / "docker" / "requirements.lock")
    script = f"import sys; sys.modules['tailer'] = None; import pytest; sys.exit(pytest.main({READ!r}))"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.DEVNULL, check=False).returncode == 0


def test_the_image_holds_every_package_that_runs_and_the_builder_sees_no_more() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - NOT_IN_THE_IMAGE
    copied = set(re.findall(r"^COPY (\w+) /app/\1$", (ROOT / "docker" / "Dockerfile").read_text(), re.MULTILINE))
    seen = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == packages
    assert seen == packages | {"docker/requirements.lock"}


def test_compose_can_read_its_file() -> None:
    jsonschema.validate(COMPOSE, COMPOSE_SCHEMA, jsonschema.Draft7Validator)


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_what_a_container_is_given_is_there(name: str) -> None:
    """Folders of this tree, volumes, and other services."""
    service = COMPOSE["services"][name]
    mounts = [volume.partition(":")[0] for volume in service.get("volumes", []) if ":" in volume]
    assert all((ROOT / "docker" / mount).is_dir() if mount.startswith(".") else mount in COMPOSE["volumes"] for mount in mounts)
    assert set(service.get("depends_on", {})) <= set(COMPOSE["services"])


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_nothing_is_open_to_others_and_nothing_gains_rights(name: str) -> None:
    service = COMPOSE["services"][name]
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    assert "no-new-privileges:true" in service["security_opt"] and (service.get("user") == "root" or service["cap_drop"] == ["ALL"])


@pytest.mark.parametrize("name", (*ROLES, *JOBS))
def test_every_word_of_a_service_is_tried(name: str) -> None:
    """`make containers` takes each into account, and knows no others."""
    assert by_compose(name).options


def test_prometheus_asks_where_the_roles_answer() -> None:
    scraped = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yaml").read_text())["scrape_configs"]
    found = {job["job_name"]: job["dns_sd_configs"][0] for job in scraped}
    assert {name: (at["names"], str(at["port"])) for name, at in found.items()} == {
        name: ([name], COMPOSE["services"][name]["environment"]["WATTFALL_METRICS_PORT"]) for name in ("waterfall", "sinks", "audit")
    }


def test_who_does_not_ask_for_monitoring_gets_none() -> None:
    assert {name for name, service in COMPOSE["services"].items() if service.get("profiles") == ["monitoring"]} == {"prometheus", "grafana", "audit"}


def test_a_role_that_a_restart_cannot_help_is_not_restarted_for_ever() -> None:
    """Exit codes that ask for a person are told from the others by nobody, so there is an end to restarts."""
    assert {COMPOSE["services"][role]["restart"] for role in ("waterfall", "sinks", "audit")} == {"on-failure:20"}


def test_both_locks_are_made_by_one_command() -> None:
    done = re.search(r"^lock:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert done and re.findall(r"--output-file (\S+)", done[1]) == ["requirements.lock", "docker/requirements.lock"]
