"""`python -m agents ROLE`: puts the parts together, and is the only place of the roles that reads the environment (boto3 reads AWS's own).

waterfall   readings → hours → days → months, exactly once
sinks       the level topics and the live values into DynamoDB
worker      both of them, as two child processes
audit       devices drawn at intervals and counted again, against DynamoDB, as a metric
topics      create | check
lag         how far everything is behind; --wait S waits until nothing is
resend      what the level topics hold into DynamoDB again
redrive     what was rejected, or late, into the readings topic again
reconcile   devices counted again from their readings, against DynamoDB
replay      start | status | diff | promote | drop: a new generation beside the live one
export      everything that is kept of a device
erase       nothing that a device sent by now is kept
"""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import signal
import sys
from collections.abc import Mapping, Sequence
from types import FrameType
from typing import NoReturn

from agents import lag_command, topics_command, worker
from agents.arguments import parser
from dynamodb.errors import TableUnfit
from settings.environ import SettingError
from streams import faults, logs
from streams.cluster import ClusterError
from streams.exits import Exit, end, last_words
from streams.settings import Settings

RUN = frozenset({"waterfall", "sinks", "worker", "audit"})
"""Roles that go on until they are asked to stop; the others are commands that have something to finish."""
INTERRUPTED = 130
STORES = 16
"""So much more memory, as a part of what is hot, is for the local stores."""


def waterfall(settings: Settings) -> None:
    """The three hops in one process."""
    from agents.days_to_months import add_days_to_months
    from agents.ground import check_live, survey, watch_retirement
    from agents.hours_to_days import add_hours_to_days
    from agents.readings_to_hours import add_readings_to_hours
    from streams.app import App, run
    from tables.folders import lock
    from tables.stores import share_memory

    ground = asyncio.run(survey(settings))
    check_live(ground, sinks=False)
    held = lock(settings.folder) if settings.store == "rocksdb" else None
    share_memory(settings.hot_bytes // STORES)
    app = App(settings, role="waterfall", partitions=ground.partitions)
    app.held = held
    for add in (add_readings_to_hours, add_hours_to_days, add_days_to_months):
        add(app, ground)
    app.keep_watch(lambda: watch_retirement(ground, app.leave))
    run(app)


def sinks(settings: Settings, environ: Mapping[str, str]) -> None:
    """Everything that goes into DynamoDB, in one process."""
    from agents.sinks import run_sinks
    from dynamodb.settings import Settings as DynamoSettings

    run_sinks(settings, DynamoSettings.from_environ(environ))


def audit(settings: Settings, environ: Mapping[str, str]) -> None:
    """Devices drawn at intervals and counted again."""
    from agents.audit import run_audit
    from dynamodb.settings import Settings as DynamoSettings

    signal.signal(signal.SIGINT, stop_at_once)  # it keeps nothing, so there is nothing to end
    run_audit(settings, DynamoSettings.from_environ(environ))


def resend(settings: Settings, environ: Mapping[str, str], asked: argparse.Namespace) -> Exit:
    """What the level topics hold into DynamoDB again."""
    from agents.resend_command import Asked, run
    from dynamodb.settings import Settings as DynamoSettings

    return run(settings, DynamoSettings.from_environ(environ), Asked(asked.grain, asked.device), dry_run=asked.dry_run)


def redrive(settings: Settings, asked: argparse.Namespace) -> Exit:
    """What was rejected, or late, into the readings topic again."""
    from agents.redrive_asked import Asked
    from agents.redrive_command import run

    given = Asked.of(settings.rules.zone, late=asked.late, reason=asked.reason, start=asked.since, fix=asked.fix, dry_run=asked.dry_run)
    return run(settings, given)


def reconcile(settings: Settings, environ: Mapping[str, str], asked: argparse.Namespace) -> Exit:
    """Devices counted again, against DynamoDB."""
    from agents.reconcile_command import Asked, run
    from dynamodb.settings import Settings as DynamoSettings

    if sum(map(bool, (asked.devices, asked.sample, asked.at))) != 1 or asked.seed is not None and not asked.sample:
        raise SettingError("reconcile: wanted is DEVICE, one or more, or --sample N, which may have a --seed, or --at PLACE")
    seed = secrets.randbelow(2**32) if asked.seed is None else asked.seed
    return run(settings, DynamoSettings.from_environ(environ), Asked(asked.devices, asked.sample, asked.at, seed, asked.wait), json=asked.json)


def replay(settings: Settings, environ: Mapping[str, str], asked: argparse.Namespace) -> Exit:
    """A new generation beside the live one."""
    from agents import replay_command, replay_diff, replay_promote, replay_start
    from dynamodb.settings import Settings as DynamoSettings

    match asked.action:
        case "start":
            code = replay_start.run(settings, replay_start.Asked.of(settings.rules.zone, asked.start, asked.device), dry_run=asked.dry_run)
            if code is not None:
                return code
            logs.begin(logs.form(environ))
            waterfall(settings)
        case "status":
            return replay_command.status(settings, json=asked.json)
        case "diff":
            return replay_diff.run(settings, json=asked.json, wait_s=asked.wait)
        case "promote":
            return replay_promote.run(settings, DynamoSettings.from_environ(environ), dry_run=asked.dry_run, wait_s=asked.wait)
    return replay_command.drop(settings, dry_run=asked.dry_run)


def export(settings: Settings, environ: Mapping[str, str], asked: argparse.Namespace) -> Exit:
    """Everything that is kept of a device."""
    from agents.export_command import run
    from dynamodb.settings import Settings as DynamoSettings

    return run(settings, DynamoSettings.from_environ(environ), asked.device, asked.format)


def erase(settings: Settings, environ: Mapping[str, str], asked: argparse.Namespace) -> Exit:
    """Nothing that a device sent by now is kept."""
    from agents.erase_command import Asked, run
    from dynamodb.settings import Settings as DynamoSettings

    return run(settings, DynamoSettings.from_environ(environ), Asked(asked.device, asked.again, asked.dry_run, asked.wait))


def stop_at_once(number: int, frame: FrameType | None) -> NoReturn:
    """Ends a role that has not begun to work, so has nothing to end. An exception would not do: what starts catches some, and goes on."""
    end(Exit.STOPPED)


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Runs a role; returns an exit code, or never."""
    asked = parser().parse_args(arguments)
    logs.begin("auto" if asked.role in RUN else "text")
    try:
        if asked.role in RUN:
            logs.begin(logs.form(environ))
        settings = Settings.from_environ(environ)
        faults.arm(environ.get("WATTFALL_FAULT", ""))
        if asked.role == "topics":
            return topics_command.run(settings, asked.action)
        if asked.role == "lag":
            return lag_command.run(settings, asked.wait)
        if asked.role == "resend":
            return resend(settings, environ, asked)
        if asked.role == "redrive":
            return redrive(settings, asked)
        if asked.role == "reconcile":
            return reconcile(settings, environ, asked)
        if asked.role == "replay":
            return replay(settings, environ, asked)
        if asked.role == "export":
            return export(settings, environ, asked)
        if asked.role == "erase":
            return erase(settings, environ, asked)
        if asked.role == "worker":
            return worker.run(environ)
        signal.signal(signal.SIGTERM, stop_at_once)  # until the loop has its own
        worker.end_with_parent(environ.get("WATTFALL_PARENT", ""))
        if asked.role == "waterfall":
            waterfall(settings)
        elif asked.role == "sinks":
            sinks(settings, environ)
        else:
            audit(settings, environ)
    except (SettingError, ClusterError, TableUnfit) as error:
        if asked.role in RUN:
            last_words(Exit.CONFIGURATION, str(error))
        else:
            print(f"wattfall: {error}", file=sys.stderr)
        return Exit.CONFIGURATION
    except KeyboardInterrupt:
        return Exit.STOPPED if asked.role in RUN else INTERRUPTED
    return Exit.STOPPED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
