"""`python -m ingest FILE…`: the only place here that reads the clock, the environment and the command line."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from rich.console import Console

from ingest.ahead import Ahead
from ingest.command import parse
from ingest.messages import Message, messages
from ingest.pace import Pace, side_by_side
from ingest.reading import BadLine, Options
from ingest.report import Report
from ingest.send import CLOSE_S, Sending, Unreachable, sending
from ingest.source import Source
from settings.environ import SettingError
from streams.settings import Settings
from streams.topics import Topics


class Entry(NamedTuple):
    """What came out of a file, and how many of the file's bytes were taken by then."""

    item: Message | BadLine
    source: Source
    taken: int


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Returns the exit code."""
    logging.getLogger().addHandler(logging.NullHandler())  # what the libraries would log is said in our own words
    command = parse(argv)
    try:
        sources = [Source(name) for name in command.files]
        with Report(Console(stderr=True), sum(source.size for source in sources)) as report:
            if command.dry_run:
                return _print(command, sources, report)
            return asyncio.run(_send(command, sources, report, Settings.from_environ(environ)))
    except KeyboardInterrupt:
        return 130
    except SettingError as error:
        return _complain(str(error))
    except OSError as error:
        return _complain(f"{error.filename}: {error.strerror}")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "dsmr_parser":
            raise
        return _complain(f"dsmr needs the package dsmr-parser ({error})")


def _complain(text: str) -> int:
    print(f"ingest: {text}", file=sys.stderr)
    return 2


def entries(command: argparse.Namespace, sources: Sequence[Source]) -> Iterator[Entry]:
    """All messages and bad lines: file by file, or side by side where they are paced."""
    options = Options(command.device, command.at_unit, not command.no_checksum)

    def of(source: Source) -> Iterator[tuple[object, Entry]]:
        for item in messages(source.readings(command.format, options), command.batch):
            yield (item.at if isinstance(item, Message) else None), Entry(item, source, source.taken)

    if command.speed is None:
        return (entry for source in sources for _, entry in of(source))
    return side_by_side([of(source) for source in sources])


def _print(command: argparse.Namespace, sources: Sequence[Source], report: Report) -> int:
    printed = 0
    try:
        for item, source, _ in entries(command, sources):
            if isinstance(item, BadLine):
                report.bad(source.name, item)
            else:
                sys.stdout.buffer.write(item.value + b"\n")
                printed += item.readings
        sys.stdout.buffer.flush()
    except BrokenPipeError:  # as with `| head`: who reads it has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    report.end(printed, verb="printed")
    return 1 if report.failed else 0


async def _send(command: argparse.Namespace, sources: Sequence[Source], report: Report, settings: Settings) -> int:
    where = f"WATTFALL_BROKERS={settings.brokers}"
    work: Sending | None = None
    try:
        async with sending(settings.brokers, Topics.of(settings).readings) as work:
            code = await _interruptible(work, command, sources, report)
    except Unreachable as error:
        code = 2
        report.say(f"ingest: {where}: {error}")
    if work is not None:
        report.end(work.sent, work.submitted - work.sent)
    return code or (1 if report.failed else 0)


async def _interruptible(work: Sending, command: argparse.Namespace, sources: Sequence[Source], report: Report) -> int:
    """0, or 130 or 143 after SIGINT or SIGTERM: then what was handed over may still be confirmed, the rest is left."""
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(_feed(work, command, sources, report))
    caught: list[int] = []

    def stop(number: int) -> None:
        caught.append(number)
        task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop, number)
    try:
        await task
    except asyncio.CancelledError:
        if not caught:
            raise
        with contextlib.suppress(Unreachable):  # the last line says how many are unknown
            await work.confirmed(CLOSE_S)
    return 128 + caught[0] if caught else 0


async def _feed(work: Sending, command: argparse.Namespace, sources: Sequence[Source], report: Report) -> None:
    ahead = Ahead(entries(command, sources))
    pace = Pace(command.speed) if command.speed is not None else None
    used: dict[Source, int] = {}
    while ready := await ahead.take():
        for item, source, taken in ready:
            used[source] = taken
            if isinstance(item, BadLine):
                report.bad(source.name, item)
                continue
            wait = pace.wait(item.at, time.monotonic()) if pace else 0.0
            if wait > 0:
                await work.flush()
                report.progress(sum(used.values()), work.sent)
                await asyncio.sleep(wait)
            await work.add(item)
        await work.flush()
        report.progress(sum(used.values()), work.sent)
    await work.confirmed()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
