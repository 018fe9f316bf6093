"""A Kafka that asks who one is, over TLS, and lets each role do what deploy/kafka-acls.sh says: that is enough, and more is refused."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
import trustme
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import TopicAuthorizationFailedError
from aiokafka.structs import TopicPartition
from confluent_kafka.admin import AdminClient, ScramCredentialInfo, ScramMechanism, UserScramCredentialAlteration
from confluent_kafka.admin._scram import UserScramCredentialUpsertion
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from agents.audit import Result
from streams.brokers import Brokers, Login, context
from tests.e2e.test_audit import audited
from tests.e2e.test_page import free_ports
from tests.faults.verdict import judge
from tests.faults.workers import deployment
from tests.stack import ROOT, Stack, running

ROLES: Final = ("ingest", "waterfall", "sinks", "audit", "operator")
PASSWORD: Final = "only a test's"
SAMPLE: Final = ROOT / "tests" / "data" / "dsmr_p1_1s.txt"
PROPERTIES: Final = """
listeners=BROKER://127.0.0.1:${{broker}},CONTROLLER://127.0.0.1:${{controller}},SECURE://127.0.0.1:{port}
advertised.listeners=BROKER://127.0.0.1:${{broker}},CONTROLLER://127.0.0.1:${{controller}},SECURE://127.0.0.1:{port}
listener.security.protocol.map=BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL
listener.name.secure.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.secure.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.secure.ssl.keystore.type=PEM
listener.name.secure.ssl.keystore.location={keystore}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
"""
"""Beside the broker's own listener, by which everybody may do everything."""


@dataclass(frozen=True)
class Secured:
    """`server`: where names and passwords are asked for; `ca`: whose certificate it shows."""

    stack: Stack
    server: str
    ca: Path

    def variables(self, role: str) -> dict[str, str]:
        return {
            "WATTFALL_BROKERS": self.server,
            "WATTFALL_SECURITY_PROTOCOL": "SASL_SSL",
            "WATTFALL_SSL_CA_FILE": str(self.ca),
            "WATTFALL_SASL_USERNAME": role,
            "WATTFALL_SASL_PASSWORD": PASSWORD,
        }

    def brokers(self, role: str) -> Brokers:
        return Brokers((self.server,), context(self.ca, None, None), Login("SCRAM-SHA-512", role, PASSWORD))


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("secured")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    shown = authority.issue_cert("127.0.0.1")
    key = load_pem_private_key(shown.private_key_pem.bytes(), None).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "keystore.pem").write_bytes(key + b"".join(part.bytes() for part in shown.cert_chain_pems))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "more.properties").write_text(PROPERTIES.format(port=port, keystore=folder / "keystore.pem"))
    with running(folder / "state", "--properties", str(folder / "more.properties")) as stack:
        admin = AdminClient({"bootstrap.servers": stack.brokers})
        users: list[UserScramCredentialAlteration] = [
            UserScramCredentialUpsertion(role, ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096), PASSWORD.encode()) for role in ROLES
        ]
        for future in admin.alter_user_scram_credentials(users).values():
            future.result(10)
        yield Secured(stack, f"127.0.0.1:{port}", folder / "ca.pem")


def let(secured: Secured, name: str) -> None:
    """Runs the script for each role."""
    shim = f"{sys.executable} -m tests.acls {secured.stack.brokers}"
    environ = {**os.environ, "KAFKA_ACLS": shim, "WATTFALL_APP": name, "WATTFALL_TOPIC_PREFIX": f"{name}-"}
    for role in ROLES:
        subprocess.run(["deploy/kafka-acls.sh", role, f"User:{role}"], cwd=ROOT, env=environ, check=True, timeout=60)


async def test_what_a_role_is_allowed_is_enough_and_more_is_refused(secured: Secured, own_name: str, tmp_path: Path) -> None:
    await asyncio.to_thread(let, secured, own_name)
    async with deployment(secured.stack, own_name, tmp_path, **secured.variables("operator")) as here:
        await here.must("agents", "topics", "create")
        await here.must("dynamodb", "create")
        assert "0 things wrong" in await here.must("agents", "topics", "check")
        workers = [await here.seat(role, **secured.variables(role)).start() for role in ("waterfall", "sinks")]
        sent = await here.run("ingest", "--no-checksum", str(SAMPLE), changes=secured.variables("ingest"))
        assert sent.code == 0, sent.err
        await here.must("agents", "lag", "--wait", "60", limit_s=75)
        assert [worker.exits for worker in workers] == [[], []]
        an_hour_ago = (datetime.now(UTC) - timedelta(hours=1)).isoformat(timespec="seconds")
        for command in (("resend",), ("redrive", "--since", an_hour_ago), ("reconcile", "--sample", "1")):
            await here.must("agents", *command)
        await judge(here)
        port = free_ports()
        changes = {"WATTFALL_METRICS_PORT": str(port), "WATTFALL_AUDIT_EVERY_S": "0.5"}
        audit = await here.seat("audit", **secured.variables("audit"), **changes).start()
        await audited(port, Result.EQUAL)
        assert await audit.term(20) == 0

        topics = here.topics
        for role, topic in (("ingest", topics.hours), ("sinks", topics.readings), ("waterfall", topics.readings), ("audit", topics.rejected)):
            with pytest.raises(TopicAuthorizationFailedError):
                await write(secured.brokers(role), topic)
        with pytest.raises(TopicAuthorizationFailedError):
            await read(secured.brokers("ingest"), here.topics.readings)
        with pytest.raises(TopicAuthorizationFailedError):
            await read(secured.brokers("sinks"), here.topics.rejected)
        with pytest.raises(TopicAuthorizationFailedError):
            await read(secured.brokers("audit"), here.topics.hours)


async def write(brokers: Brokers, topic: str) -> None:
    async with AIOKafkaProducer(**brokers.client) as producer:
        await producer.send_and_wait(topic, b"more than it may", partition=0)


async def read(brokers: Brokers, topic: str) -> None:
    async with AIOKafkaConsumer(**brokers.client, auto_offset_reset="earliest") as consumer:
        consumer.assign([TopicPartition(topic, 0)])
        await asyncio.wait_for(consumer.getone(), 10)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"WATTFALL_SASL_PASSWORD": "wrong"}, "Authentication failed"),
        ({"WATTFALL_SSL_CA_FILE": ""}, "certificate verify failed"),
        ({"WATTFALL_SECURITY_PROTOCOL": "SSL"}, "no broker answers"),
    ],
    ids=lambda given: next(iter(given)) if isinstance(given, dict) else "",
)
async def test_who_does_not_get_in_is_told_so(secured: Secured, own_name: str, tmp_path: Path, changes: dict[str, str], said: str) -> None:
    async with deployment(secured.stack, own_name, tmp_path, **secured.variables("operator") | changes) as here:
        ran = await here.run("agents", "topics", "check")
        assert ran.code == 2 and said in ran.err and ran.err.count("\n") == 1, ran
