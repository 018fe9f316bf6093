"""How containers are run: what docker/compose.yaml and deploy/kubernetes say of them, as options of `docker run`.

Only what another network and other places need is not taken over; where Docker has no word for it, it is said beside it.
"""

from __future__ import annotations

import resource
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.manifests import COMPOSE, CONTAINERS, PODS, SET

ROLES: Final = ("waterfall", "sinks", "dashboard")
"""What is there all the time."""
JOBS: Final = ("topics", "tables")
"""What is done before."""
POD_STOP_S: Final = 30
"""Kubernetes' own default."""


@dataclass(frozen=True, slots=True)
class Way:
    """How one container is run. `writable`: where it may write."""

    options: tuple[str, ...]
    environ: Mapping[str, str]
    command: tuple[str, ...]
    writable: frozenset[str]


def by_compose(name: str) -> Way:
    """A service's, as Compose would; each with volumes of its own, which go with it. Raises KeyError where it says what is not known here."""
    service = COMPOSE["services"][name]
    options = [option for key, given in service.items() if key not in ELSEWHERE for option in SERVICE[key](given)]
    writable = [*service.get("tmpfs", []), *map(_target, service.get("volumes", []))]
    return Way(tuple(options), service["environment"], tuple(service["command"]), frozenset(writable))


def limits(given: Mapping[str, int]) -> dict[str, int]:
    """So many of them as this machine may give: one that is a container itself may have less, and cannot get more."""
    assert set(given) <= {"nofile"}, given
    return {name: min(limit, resource.getrlimit(resource.RLIMIT_NOFILE)[1]) for name, limit in given.items()}


def _target(volume: str) -> str:
    return volume.partition(":")[2] or volume


def _health(given: Mapping[str, Any]) -> Iterator[str]:
    how, *command = given["test"]
    assert how == "CMD", given
    yield f"--health-cmd={shlex.join(command)}"
    yield from (f"--health-{key.replace('_', '-')}={value}" for key, value in given.items() if key != "test")


ELSEWHERE: Final = {"image", "build", "environment", "command", "depends_on", "ports"}
"""The tests build the image, give commands and environment, and start one after the other, on the host's network."""
SERVICE: Final[Mapping[str, Callable[[Any], Iterable[str]]]] = {
    "init": lambda given: [f"--init={str(given).lower()}"],
    "read_only": lambda given: [f"--read-only={str(given).lower()}"],
    "tmpfs": lambda given: [f"--tmpfs={each}" for each in given],
    "cap_drop": lambda given: [f"--cap-drop={each}" for each in given],
    "security_opt": lambda given: [f"--security-opt={each}" for each in given],
    "restart": lambda given: [f"--restart={given}"],
    "stop_grace_period": lambda given: [f"--stop-timeout={given.removesuffix('s')}"],
    "volumes": lambda given: [f"--volume={_target(each)}" for each in given],
    "ulimits": lambda given: [f"--ulimit={name}={limit}" for name, limit in limits(given).items()],
    "healthcheck": _health,
}
"""What Compose makes of each word of a service."""


def by_kubernetes(name: str, people: Path) -> Way:
    """A pod's, as a kubelet would; `people` is what the secret of that name holds. Whether it is ready Docker asks from inside.

    The claim of a disk is memory here, which belongs to the pod's group as `fsGroup` has it. A pause before the stop is left out.
    """
    pod, one = PODS[name], CONTAINERS[name]
    user, rights = pod["securityContext"], one["securityContext"]
    volumes = {each["name"]: each for each in pod.get("volumes", [])}
    mounts = {mount["mountPath"]: _mount(volumes.get(mount["name"]), user, people) for mount in one.get("volumeMounts", [])}
    options = (
        f"--user={user['runAsUser']}:{user['runAsGroup']}",
        f"--memory={one['resources']['limits']['memory'].removesuffix('i')}",
        f"--stop-timeout={pod.get('terminationGracePeriodSeconds', POD_STOP_S)}",
        f"--init={str(pod.get('shareProcessNamespace', False)).lower()}",
        f"--read-only={str(rights['readOnlyRootFilesystem']).lower()}",
        f"--security-opt=no-new-privileges:{str(not rights['allowPrivilegeEscalation']).lower()}",
        *(f"--cap-drop={each}" for each in rights["capabilities"]["drop"]),
        *(option.format(path) for path, option in mounts.items()),
        *(() if "restartPolicy" in pod else ("--restart=always",)),
        *_probe(one.get("readinessProbe")),
    )
    environ = {**SET, **{each["name"]: each.get("value", f"{name}-0") for each in one.get("env", [])}}
    return Way(options, environ, tuple(one["command"]), frozenset(path for path, option in mounts.items() if not option.endswith(":ro")))


def _mount(volume: Mapping[str, Any] | None, user: Mapping[str, Any], people: Path) -> str:
    if volume is None:
        return _memory(f"gid={user['fsGroup']},mode=2770")
    return f"--volume={people}:{{}}:ro" if "secret" in volume else _memory(f"mode=777,size={volume['emptyDir']['sizeLimit'].removesuffix('i')}")


def _memory(rights: str) -> str:
    """A volume, since `--tmpfs` would have the rights that the image's folder has."""
    return f'--mount=type=volume,dst={{}},volume-nocopy,volume-opt=type=tmpfs,volume-opt=device=tmpfs,"volume-opt=o={rights}"'


def _probe(given: Mapping[str, Any] | None) -> Iterator[str]:
    if given is not None:
        port, path = {"metrics": "WATTFALL_METRICS_PORT", "http": "WATTFALL_DASHBOARD_PORT"}[given["httpGet"]["port"]], given["httpGet"]["path"]
        asked = f"import urllib.request as u; u.urlopen('http://localhost:${port}{path}')"
        yield f'--health-cmd=python -c "{asked}"'
        yield f"--health-interval={given['periodSeconds']}s"
        yield f"--health-timeout={given['timeoutSeconds']}s"
