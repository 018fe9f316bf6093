"""`python -m agents ROLE`: puts the parts together, and is the only place of the roles that reads the environment (boto3 reads AWS's own).

waterfall   readings → hours → days → months, exactly once
sinks       the level topics and the live values into DynamoDB
worker      both of them, as two child processes
topics      create | check
lag         how far everything is behind; --wait S waits until nothing is
resend      what the level topics hold into DynamoDB again
redrive     what was rejected, or late, into the readings topic again
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence

from agents import lag_command, topics_command, worker
from dynamodb.errors import TableUnfit
from metering.total import Grain
from settings.environ import SettingError
from streams import faults
from streams.cluster import ClusterError
from streams.exits import Exit
from streams.logs import quieten
from streams.settings import Settings

RUN = frozenset({"waterfall", "sinks", "worker"})
"""Roles that go on until they are asked to stop; the others are commands that have something to finish."""
INTERRUPTED = 130
EXAMPLE = """example:
  export WATTFALL_BROKERS=127.0.0.1:9092 WATTFALL_ZONE=Europe/Amsterdam
  python -m agents topics create && python -m dynamodb create && python -m agents worker

Settings are environment variables, WATTFALL_*: docs/settings.md has them all, and what each exit code asks for."""


RESEND = """\
Writes the totals that the level topics hold into DynamoDB again: a table was lost, or another region's is to be filled.
The topics keep the last 13 months. Live readings are not among them: a device's comes with its next reading.
A newer total that is stored stays as it is, so this may run at any time, beside the workers, and again."""
RESEND_EXAMPLE = """\
example:
  python -m agents resend --dry-run
  python -m agents resend --grain day --grain month
  python -m agents resend --device home"""
REDRIVE = """\
Sends what was rejected (or late) into the readings topic again, after a bug or a setting was mended: key, value and headers as they came, or as
your own function mends them. Each message is sent again once, and what is refused again once more, three times at most. What was sent is found in
the readings topic by its header, so this may run again, be interrupted or be killed, and sends nothing twice; that is why it reads the readings
since TIME first. Those that are kept in part only (see `truncated` in docs/metering.md) it leaves.

A message of arrays is sent whole, with the elements that were counted the first time. They are duplicates, and counted as such. But what is sent
is the newest again: where an instant was corrected meanwhile, the older value replaces the correction.

Another rule (a setting of docs/settings.md that is marked so) needs a new epoch, which counts all readings that are kept again without this."""
REDRIVE_EXAMPLE = """\
example:
  python -m agents redrive --since 2026-11-24 --dry-run
  python -m agents redrive --since 2026-11-24T10:00:00+01:00 --reason partition.mismatch
  python -m agents redrive --since 2026-11-24 --reason value.missing --fix mending:spelling

mending.py, in this folder or in one of PYTHONPATH:
  def spelling(key, value):                  # bytes or None, both
      if b'"power"' not in value:
          return None                        # is passed over
      return key, value.replace(b'"power"', b'"power_w"')"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(
        prog="python -m agents",
        description="Runs a role of Wattfall, or a command about its topics.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    roles = top.add_subparsers(dest="role", required=True, metavar="ROLE")
    roles.add_parser("waterfall", help="the three hops: readings to hours to days to months")
    roles.add_parser("sinks", help="the level topics and the live values into DynamoDB")
    roles.add_parser("worker", help="a parent that starts waterfall and sinks, and ends with the first of them that ends")
    topics = roles.add_parser("topics", help="make or check the topics")
    topics.add_argument("action", choices=("create", "check"))
    lag = roles.add_parser("lag", help="how far everything is behind")
    lag.add_argument("--wait", type=float, metavar="S", help="wait until all that was sent so far is stored in DynamoDB; exit 1 after S seconds")
    resend = roles.add_parser(
        "resend",
        help="what the level topics hold into DynamoDB again",
        description=RESEND,
        epilog=RESEND_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    resend.add_argument("--grain", action="append", default=[], choices=list(map(str, Grain)), help="of this level only; may be repeated")
    resend.add_argument("--device", metavar="D", help="of this device only")
    resend.add_argument("--dry-run", action="store_true", help="only count what there is; DynamoDB is not asked")
    add_redrive(roles)
    return top


def add_redrive(roles: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command line of redrive."""
    redrive = roles.add_parser(
        "redrive",
        help="what was rejected, or late, into the readings topic again",
        description=REDRIVE,
        epilog=REDRIVE_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    redrive.add_argument("--late", action="store_true", help="what was late, not what was rejected")
    redrive.add_argument("--reason", action="append", default=[], metavar="R", help="for this reason only; may be repeated")
    redrive.add_argument("--since", required=True, metavar="TIME", help="refused since then: a date in WATTFALL_ZONE, or an instant with an offset")
    redrive.add_argument("--fix", metavar="MODULE:FUNCTION", help="gets key and value, returns a pair of them, or None to pass over the message")
    redrive.add_argument("--dry-run", action="store_true", help="only count, and say where the first of each reason are")


def waterfall(settings: Settings) -> None:
    """The three hops in one process."""
    from agents.days_to_months import add_days_to_months
    from agents.ground import survey
    from agents.hours_to_days import add_hours_to_days
    from agents.readings_to_hours import add_readings_to_hours
    from streams.app import App, run
    from tables.folders import lock

    ground = asyncio.run(survey(settings))
    held = lock(settings.folder) if settings.store == "rocksdb" else None
    app = App(settings, role="waterfall", partitions=ground.partitions)
    app.held = held
    for add in (add_readings_to_hours, add_hours_to_days, add_days_to_months):
        add(app, ground)
    run(app)


def sinks(settings: Settings, environ: Mapping[str, str]) -> None:
    """Everything that goes into DynamoDB, in one process."""
    from agents.sinks import run_sinks
    from dynamodb.settings import Settings as DynamoSettings

    run_sinks(settings, DynamoSettings.from_environ(environ))


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


def logs() -> None:
    """Progress for people on standard error."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("wattfall").setLevel(logging.INFO)
    quieten("aiokafka", "faust", "mode")


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Runs a role; returns an exit code, or never."""
    asked = parser().parse_args(arguments)
    logs()
    try:
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
        if asked.role == "worker":
            return worker.run(environ)
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(Exit.STOPPED))  # until the loop has its own
        worker.end_with_parent(environ.get("WATTFALL_PARENT", ""))
        if asked.role == "waterfall":
            waterfall(settings)
        else:
            sinks(settings, environ)
    except (SettingError, ClusterError, TableUnfit) as error:
        print(f"wattfall: {error}", file=sys.stderr)
        return Exit.CONFIGURATION
    except KeyboardInterrupt:
        return Exit.STOPPED if asked.role in RUN else INTERRUPTED
    return Exit.STOPPED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
