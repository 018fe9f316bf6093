"""What Kubernetes is given: valid by its own schemas, and about what is there: settings, commands, groups, pages."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any, Final

import jsonschema
import kubernetes_validate
import pytest
import yaml

from agents.arguments import parser as agents
from dashboard.__main__ import parser as dashboard
from dashboard.server import STOP_S
from dashboard.settings import Settings as DashboardSettings
from docs.variables import READERS, names
from dynamodb.__main__ import parser as dynamodb
from dynamodb.settings import Settings as DynamoSettings
from streams.app import Worker
from streams.page import Page
from streams.settings import MEBIBYTE, Settings
from streams.topics import Topics
from tests.manifests import BASE, CONTAINERS, FOLDER, OBJECTS, PODS, SET, called
from tests.stack import ROOT

VERSION: Final = "1.37"
SCALED_OBJECT: Final = yaml.safe_load((ROOT / "tests" / "schemas" / "keda.sh_scaledobjects.yaml").read_text())["spec"]["versions"][0]
SETTINGS: Final = Settings.from_environ(SET)
PARSERS: Final = {"agents": agents, "dynamodb": dynamodb, "dashboard": dashboard}
KNOWN: Final = {name for reader in READERS for name in names(reader)} | {"AWS_REGION", "FORWARDED_ALLOW_IPS"}
"""What can be set."""
BESIDES_HOT_BYTES: Final = 300 * MEBIBYTE
"""docs/operations.md, Size."""
ROLES: Final = {"waterfall": called("StatefulSet"), "sinks": called("Deployment")}
KEPT_UP: Final = {**ROLES, "dashboard": called("Deployment")}
"""What is there all the time."""


def closed(schema: Any) -> Any:
    """The same schema, which takes no field that it does not name: what Kubernetes only warns of is a mistake here."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    more = {"additionalProperties": False} if "properties" in schema and "x-kubernetes-preserve-unknown-fields" not in schema else {}
    return more | {name: closed(each) for name, each in schema.items()}


def check(given: dict[str, Any]) -> None:
    """Raises ValidationError, of the one package or the other."""
    if given["kind"] != "ScaledObject":
        kubernetes_validate.validate(given, VERSION, strict=True)
        return
    schema = closed(SCALED_OBJECT["schema"]["openAPIV3Schema"])
    schema["properties"]["metadata"].pop("additionalProperties", None)
    jsonschema.validate(given, schema, jsonschema.Draft7Validator)


@pytest.mark.parametrize("given", OBJECTS, ids=lambda given: f"{given['kind']} {given['metadata']['name']}")
def test_kubernetes_takes_it(given: dict[str, Any]) -> None:
    check(given)


@pytest.mark.parametrize("given", OBJECTS, ids=lambda given: f"{given['kind']} {given['metadata']['name']}")
def test_a_field_that_kubernetes_does_not_know_is_found(given: dict[str, Any]) -> None:
    if "spec" in given:
        with pytest.raises((kubernetes_validate.ValidationError, jsonschema.ValidationError)):
            check(given | {"spec": given["spec"] | {"replica": 2}})


def test_every_file_is_part_of_it() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {"kustomization.yaml", *BASE["resources"], *BASE["configMapGenerator"][0]["envs"]}


def test_what_is_set_can_be_set() -> None:
    assert {each["name"] for one in CONTAINERS.values() for each in one.get("env", [])} | SET.keys() <= KNOWN
    assert DynamoSettings.from_environ(SET)


def test_the_folder_of_ones_own_that_the_page_shows_changes_what_is_there() -> None:
    shown = yaml.safe_load((ROOT / "docs" / "operations.md").read_text().partition("```yaml\n")[2].partition("```")[0])
    (generated,) = shown["configMapGenerator"]
    assert shown["resources"] == [f"../wattfall/{FOLDER.relative_to(ROOT)}"] and shown["namespace"] == BASE["namespace"]
    assert (generated["name"], generated["behavior"]) == (BASE["configMapGenerator"][0]["name"], "merge")
    assert shown["images"][0]["name"] == BASE["images"][0]["name"]
    given = dict(each.split("=", 1) for each in generated["literals"])
    assert given.keys() <= KNOWN and Settings.from_environ(SET | given)
    assert DashboardSettings.from_environ(SET | given).secure, "or the session's cookie is for plain HTTP as well"


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_runs_a_command_that_there_is_with_the_settings(name: str) -> None:
    one = CONTAINERS[name]
    python, flag, package, *arguments = one["command"]
    assert (python, flag) == ("python", "-m") and package in PARSERS
    assert PARSERS[package]().parse_args(arguments)
    assert one["image"] == BASE["images"][0]["name"] and one["envFrom"] == [{"configMapRef": {"name": BASE["configMapGenerator"][0]["name"]}}]


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_pod_may_do_no_more_than_a_container_of_compose(name: str) -> None:
    assert CONTAINERS[name]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    user = PODS[name]["securityContext"]
    assert user["runAsNonRoot"] and user["seccompProfile"] == {"type": "RuntimeDefault"}
    assert f"--uid {user['runAsUser']} " in (ROOT / "docker" / "Dockerfile").read_text()


def test_only_who_asks_aws_has_an_account() -> None:
    accounts = {name: pod.get("serviceAccountName") for name, pod in PODS.items()}
    assert accounts == {"waterfall": None, "topics": None, "sinks": "sinks", "audit": "audit", "tables": "tables", "dashboard": "dashboard"}
    assert all(pod.get("automountServiceAccountToken") is False or pod["serviceAccountName"] in called("ServiceAccount") for pod in PODS.values())


@pytest.mark.parametrize("name", KEPT_UP)
def test_pods_are_found_by_all_that_look_for_them(name: str) -> None:
    controller = KEPT_UP[name][name]["spec"]
    labels = controller["template"]["metadata"]["labels"]
    assert controller["selector"] == called("PodDisruptionBudget")[name]["spec"]["selector"] == {"matchLabels": labels}
    assert called("Service")[name]["spec"]["selector"] == labels
    assert PODS[name]["topologySpreadConstraints"][0]["labelSelector"] == {"matchLabels": labels}


def test_the_dashboard_is_reached_at_its_port_from_everywhere_and_nothing_else_is() -> None:
    (rule,) = called("NetworkPolicy")["dashboard"]["spec"]["ingress"]
    assert called("NetworkPolicy")["dashboard"]["spec"]["podSelector"] == called("Deployment")["dashboard"]["spec"]["selector"]
    (port,) = CONTAINERS["dashboard"]["ports"]
    assert rule == {"ports": [{"port": port["containerPort"]}]} and port["containerPort"] == DashboardSettings().port
    assert called("Service")["dashboard"]["spec"]["ports"][0]["targetPort"] == port["name"]


def test_the_dashboard_looks_for_its_people_where_they_are() -> None:
    environ = {each["name"]: each["value"] for each in CONTAINERS["dashboard"]["env"]}
    (mounted,) = CONTAINERS["dashboard"]["volumeMounts"]
    assert str(DashboardSettings.from_environ(SET | environ).folder) == mounted["mountPath"] and mounted["readOnly"]


def test_the_dashboard_believes_who_a_proxy_of_the_cluster_says_is_asking() -> None:
    environ = {each["name"]: each["value"] for each in CONTAINERS["dashboard"]["env"]}
    trusted = [ip_network(one) for one in environ["FORWARDED_ALLOW_IPS"].split(",")]
    assert trusted and all(one.is_private for one in trusted)


def test_the_dashboard_stops_after_nobody_is_sent_to_it_any_more_and_has_time_for_it() -> None:
    waits = CONTAINERS["dashboard"]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert waits >= 5 and waits + STOP_S + 5 < PODS["dashboard"].get("terminationGracePeriodSeconds", 30), "30 is Kubernetes' own default"


@pytest.mark.parametrize("role", ROLES)
class TestRoles:
    def test_it_has_time_to_stop(self, role: str) -> None:
        assert PODS[role]["terminationGracePeriodSeconds"] > Worker.STOP_S + 5

    def test_it_is_asked_on_the_page_that_it_has(self, role: str) -> None:
        one = CONTAINERS[role]
        asked = {one[probe]["httpGet"]["path"]: one[probe]["httpGet"]["port"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")}
        assert all(callable(getattr(Page, path.removeprefix("/"))) for path in asked) and set(asked.values()) == {one["ports"][0]["name"]}
        assert one["readinessProbe"]["httpGet"]["path"] == "/ready" and one["livenessProbe"]["httpGet"]["path"] == "/live"

    def test_its_port_is_the_one_that_is_set_and_the_only_one_that_is_open(self, role: str) -> None:
        (rule,) = called("NetworkPolicy")["metrics-only"]["spec"]["ingress"]
        ports = CONTAINERS[role]["ports"][0]["containerPort"], called("Service")[role]["spec"]["ports"][0]["port"], rule["ports"][0]["port"]
        assert set(ports) == {SETTINGS.metrics_port}

    def test_it_grows_by_the_lag_of_its_group_and_never_beyond_the_partitions(self, role: str) -> None:
        spec = called("ScaledObject")[role]["spec"]
        assert called(spec["scaleTargetRef"]["kind"])[spec["scaleTargetRef"]["name"]] is ROLES[role][role]
        assert "replicas" not in ROLES[role][role]["spec"], "an upgrade would undo what KEDA has done"
        assert 2 <= spec["minReplicaCount"] <= spec["maxReplicaCount"] <= SETTINGS.partitions
        topics = Topics.of(SETTINGS)
        for trigger in spec["triggers"]:
            assert trigger["metadata"]["consumerGroup"] == f"{SETTINGS.scope}-{role}"
            assert trigger["metadata"]["topic"] in (topics.waterfall if role == "waterfall" else topics.sinks)
            assert trigger["metadata"]["bootstrapServersFromEnv"] in SET


def test_one_audit_is_found_and_asked_where_the_others_are() -> None:
    spec, one = called("Deployment")["audit"]["spec"], CONTAINERS["audit"]
    assert spec["replicas"] == 1 and spec["selector"]["matchLabels"] == called("Service")["audit"]["spec"]["selector"]
    assert {one["ports"][0]["containerPort"], called("Service")["audit"]["spec"]["ports"][0]["port"]} == {SETTINGS.metrics_port}
    assert one["readinessProbe"]["httpGet"]["path"] == "/ready" and one["livenessProbe"]["httpGet"]["path"] == "/live"


def test_a_waterfall_keeps_its_name_and_its_stores() -> None:
    one, claim = CONTAINERS["waterfall"], called("StatefulSet")["waterfall"]["spec"]["volumeClaimTemplates"][0]["metadata"]["name"]
    assert {"name": "WATTFALL_MEMBER", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}} in one["env"]
    assert {"name": claim, "mountPath": "/state"} in one["volumeMounts"]
    assert "WATTFALL_STATE_DIR=/state" in (ROOT / "docker" / "Dockerfile").read_text()


def test_a_waterfall_has_the_memory_that_it_is_told_to_use() -> None:
    limit = CONTAINERS["waterfall"]["resources"]["limits"]["memory"]
    assert limit.endswith("Mi") and int(limit.removesuffix("Mi")) * MEBIBYTE >= SETTINGS.hot_bytes * 17 // 16 + BESIDES_HOT_BYTES
