"""What operators are given, as it is read: the services of docker/compose.yaml, and the objects and pods of deploy/kubernetes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import yaml

from tests.stack import ROOT

COMPOSE: Final[dict[str, Any]] = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text())
FOLDER: Final = ROOT / "deploy" / "kubernetes"
BASE: Final = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
SET: Final = dict(line.split("=", 1) for line in (FOLDER / "settings.env").read_text().splitlines())
OBJECTS: Final[list[dict[str, Any]]] = [each for path in BASE["resources"] for each in yaml.safe_load_all((FOLDER / path).read_text())]


def called(kind: str) -> dict[str, Any]:
    """The objects of a kind by their names."""
    return {each["metadata"]["name"]: each for each in OBJECTS if each["kind"] == kind}


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every pod's name and specification."""
    for each in OBJECTS:
        if "template" in each.get("spec", {}):
            yield each["metadata"]["name"], each["spec"]["template"]["spec"]


PODS: Final = dict(pods())
CONTAINERS: Final = {name: one for name, pod in PODS.items() for one in pod["containers"]}
