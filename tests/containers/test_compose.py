"""docker/compose.yaml as Docker Compose takes it, where this machine has that: what it makes is what the other tests run.

The file is taken as it is, but for the network, which is the host's, and for the images of Kafka and DynamoDB, which come from a registry: containers
that do nothing stand in for them, and the local stack answers.
"""

from __future__ import annotations

import contextlib
import json
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from streams.exits import Exit
from tests.containers.docker import IMAGE, docker
from tests.containers.flow import INGEST, Flow
from tests.containers.ways import JOBS, ROLES, by_compose, limits
from tests.manifests import COMPOSE
from tests.stack import ROOT, Stack

THERE: Final = bool(shutil.which("docker")) and subprocess.run(("docker", "compose", "version"), capture_output=True, check=False).returncode == 0
FILE: Final = f"--file={ROOT / 'docker' / 'compose.yaml'}"
LIMIT_S: Final = 180.0
STAND_IN: Final[dict[str, Any]] = {"command": ["sleep", "infinity"], "init": True, "healthcheck": {"test": ["CMD", "true"], "interval": "1s"}}

pytestmark = pytest.mark.skipif(not THERE, reason="there is no `docker compose`, version 2; the other tests read compose.yaml without it")


def test_compose_takes_the_file() -> None:
    docker("compose", FILE, "--profile=monitoring", "config", "--quiet")


def test_compose_brings_everything_up_and_runs_it_as_the_other_tests_do(image: str, stack: Stack, tmp_path: Path) -> None:
    flow = Flow(stack, tmp_path, by_compose)
    environs = {name: flow.own() for name in (*ROLES, *JOBS)}
    here: dict[str, Any] = {"image": IMAGE, "pull_policy": "never", "network_mode": "host"}
    may = {name: {"ulimits": limits(COMPOSE["services"][name].get("ulimits", {}))} for name in environs}
    services = {name: {**here, **may[name], "environment": environ} for name, environ in environs.items()}
    services |= {name: {**here, **STAND_IN} for name in ("kafka", "dynamodb")}
    changes = tmp_path / "here.json"
    changes.write_text(json.dumps({"services": services}))
    compose = ("compose", f"--project-name={flow.here.name}", FILE, f"--file={changes}")
    with contextlib.ExitStack() as ending:
        ending.callback(docker, *compose, "down", "--volumes", limit_s=LIMIT_S)
        docker(*compose, "up", "--no-build", "--detach", "--wait", *ROLES, limit_s=LIMIT_S)
        names = {role: docker(*compose, "ps", "--quiet", role).strip() for role in ROLES}
        for role, name in names.items():
            ours = flow.container(role, **environs[role])
            ending.push(ours)
            assert told(name) == told(ours.name)
        docker(*compose, "run", "--no-deps", "--rm", "-T", "waterfall", *INGEST, typed=flow.readings(6))
        flow.verdict()
        docker(*compose, "stop", limit_s=LIMIT_S)
        ended = [docker("inspect", "--format={{.State.ExitCode}}", name) for name in names.values()]
        assert list(map(int, ended)) == [Exit.STOPPED] * len(ROLES)


def told(name: str) -> dict[str, Any]:
    """How a container is run; a health check in the form in which one types it."""
    (one,) = json.loads(docker("inspect", name))
    config, host, check = one["Config"], one["HostConfig"], one["Config"]["Healthcheck"]
    how, *command = check["Test"]
    return {
        **{word: config.get(word) for word in ("User", "Cmd", "StopTimeout")},
        **{word: host[word] for word in ("ReadonlyRootfs", "CapDrop", "SecurityOpt", "Init", "Tmpfs", "RestartPolicy", "Ulimits")},
        "Healthcheck": {**check, "Test": shlex.split(command[0]) if how == "CMD-SHELL" else command},
        "Env": sorted(config["Env"]),
        "Mounts": sorted(mount["Destination"] for mount in one["Mounts"]),
    }
