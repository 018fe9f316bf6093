"""The stack in the foreground: start both servers, say where they are, watch them, stop them."""

from __future__ import annotations

import asyncio
import json
import signal
from asyncio.subprocess import Process
from pathlib import Path
from typing import Final

from local import dynamodb, kafka
from local.console import say
from local.errors import Ended
from local.folder import Folder
from local.guard import Guard
from local.service import Service

START_LIMIT_S: Final = 60.0
TAIL_LINES: Final = 15


async def up(folder: Folder, runtime: kafka.Runtime, respawn: float | None, properties: str) -> None:
    """Runs the stack on `folder` until it is cancelled; prints the one line of JSON once both servers answer.

    A server that ends raises Ended; only the broker, with `respawn`, is started again after so many seconds. More `properties` are the broker's.
    """
    ports = folder.ports()
    broker = await kafka.service(folder, ports, runtime, more=properties)
    stack = _Stack(folder, {"WATTFALL_BROKERS": f"127.0.0.1:{ports.broker}", **dynamodb.variables(ports.dynamodb)})
    try:
        async with Guard(folder.lock) as guard, asyncio.TaskGroup() as tasks:
            tasks.create_task(_lost(guard))
            tasks.create_task(stack.keep(guard, broker, respawn))
            tasks.create_task(stack.keep(guard, dynamodb.service(folder, ports.dynamodb), None))
    except* Ended as failures:
        raise failures.exceptions[0] from None
    finally:
        folder.forget_pids()


async def launch(guard: Guard, service: Service, log: Path) -> Process:
    """Starts `service` and returns once it answers. Raises Ended when it ends instead, or takes more than START_LIMIT_S."""
    process = await guard.start(service.argv, service.environ, log)
    answering = asyncio.create_task(_answering(service))
    ending = asyncio.create_task(process.wait())
    try:
        done, _ = await asyncio.wait((answering, ending), timeout=START_LIMIT_S, return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        process.kill()  # it has nothing to save yet, and Kafka 4.4 can take half a minute to stop in the middle of its start
        raise
    finally:
        answering.cancel()
        ending.cancel()
    if ending in done:
        raise ended(service, process, log)
    if answering not in done:
        raise Ended(f"{service.name} does not answer on 127.0.0.1:{service.port} after {START_LIMIT_S:g} s; the end of {log}:\n{_tail(log)}")
    return process


def ended(service: Service, process: Process, log: Path) -> Ended:
    """What is known about a server that ended without being asked."""
    code = process.returncode
    how = f"exit code {code}" if code is None or code >= 0 else signal.Signals(-code).name
    return Ended(f"{service.name} ended by itself ({how}); the end of {log}:\n{_tail(log)}")


class _Stack:
    """Keeps pids.json true, and says where the servers are as soon as all answer."""

    def __init__(self, folder: Folder, variables: dict[str, str]) -> None:
        self._folder = folder
        self._variables = variables
        self._pids: dict[str, int] = {}
        self._announced = False

    async def keep(self, guard: Guard, service: Service, respawn: float | None) -> None:
        """Runs `service` until it ends. With `respawn` again and again, as long as it comes to answer each time."""
        log = self._folder.log(service.name)
        while True:
            process = await launch(guard, service, log)
            self._answers(service, process)
            await process.wait()
            failure = ended(service, process, log)
            if respawn is None:
                raise failure
            say(f"{str(failure).partition(';')[0]}; it is started again in {respawn:g} s")
            await asyncio.sleep(respawn)

    def _answers(self, service: Service, process: Process) -> None:
        self._pids[service.name] = process.pid
        self._folder.tell_pids(self._pids)
        if len(self._pids) == 2 and not self._announced:
            self._announced = True
            print(json.dumps(self._variables), flush=True)


async def _lost(guard: Guard) -> None:
    """Raises Ended when the guard is gone, for nothing would stop the servers if this process were killed now."""
    await guard.gone()
    raise Ended("the guard process was killed, so the servers were stopped too")


async def _answering(service: Service) -> None:
    while not await service.answers():
        await asyncio.sleep(0.03)


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-TAIL_LINES:])
