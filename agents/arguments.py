"""The command line of `python -m agents`: what may be typed, and what --help says of it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TypeVar

from metering.total import Grain
from settings.environ import is_whole, seconds, whole

T = TypeVar("T")
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
AUDIT = """\
Goes on until it is stopped. Every WATTFALL_AUDIT_EVERY_S it draws a device, the likelier the more it sends, counts it again from the readings of the
last WATTFALL_AUDIT_DAYS, and compares with what DynamoDB holds, as `reconcile` does. For that it reads all of the device's partition, with a quarter
of a core. wattfall_audits_total counts what came of it; of a difference the log has the place of a record of the device, TOPIC/PARTITION/OFFSET,
which `reconcile --at` takes."""
AUDIT_EXAMPLE = """\
example:
  WATTFALL_METRICS_PORT=9464 python -m agents audit"""
RECONCILE = """\
Counts devices again from the readings topic, up to where the waterfall is, and compares with what DynamoDB holds: every hour, day and month
field by field, each day with its hours, each month with its days, and the sum of the hours with the difference of the register. It changes nothing
and may run at any time. What was counted has to be stored first. Where retention has removed readings, a device's totals are compared with its
readings from the first hour on of which the topic has them all."""
RECONCILE_EXAMPLE = """\
example:
  python -m agents reconcile home
  python -m agents reconcile --sample 20 --seed 7 --wait 300
  python -m agents reconcile --at readings/3/81724     # the device of this record
  python -m agents reconcile --json cad-000123 cad-000124

Exit code 0: all is equal; 1: something is not; 2: it cannot be said, and why."""

ERASE = """\
Erases a device: nothing that it sent by now is kept in tables, level topics, DynamoDB, rejected and late, of any epoch, and no replay brings it back.
What it sends later is of a new device. The workers have to run: a message in the readings topic tells them, and the command waits until all have
passed it. It may be interrupted, and run again: it goes on where it was, and what has come since stays, unless it is to go with --again.
The readings themselves stay in their topic until its retention lets them go (68 days), and compaction takes its time."""
ERASE_EXAMPLE = """\
example:
  python -m agents export home > home.jsonl
  python -m agents erase home --dry-run
  python -m agents erase home"""
EXPORT = """\
Everything that is kept of a device, a line each: its totals of all grains, its live reading, what was refused or late, and what the readings topic
still holds, of before an erase as well. Energy in mWh, power in mW, instants in ms, periods in epoch seconds."""
EXPORT_EXAMPLE = """\
example:
  python -m agents export home > home.jsonl
  python -m agents export home --format csv > home.csv"""

REPLAY = """\
Counts the past again, under other rules or after a bug was mended, beside the live generation, and then takes its place.

The new generation is an epoch: WATTFALL_EPOCH says which, and everything else in the environment is as its workers shall have it. It has its own
groups, tables and level topics. It counts the months whose readings are all still there; what begins earlier stays as it is."""
REPLAY_EXAMPLE = """\
example:
  export WATTFALL_EPOCH=2 WATTFALL_HOLD_S=120      # the next epoch, and what shall be otherwise
  python -m agents replay start --from 2026-09     # works until it is stopped; more workers join by the same command
  python -m agents replay status                   # in another terminal, with the same environment
  python -m agents replay diff
  python -m agents replay promote
  python -m agents sinks                           # from now on these write; the old workers have left
  WATTFALL_EPOCH=1 python -m agents replay drop    # what the old generation had"""


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
    described(roles, "audit", "devices drawn at intervals and counted again, against DynamoDB, as a metric", AUDIT, AUDIT_EXAMPLE)
    roles.add_parser("worker", help="a parent that starts waterfall and sinks, and ends with the first of them that ends")
    topics = roles.add_parser("topics", help="make or check the topics")
    topics.add_argument("action", choices=("create", "check"))
    lag = roles.add_parser("lag", help="how far everything is behind")
    lag.add_argument("--wait", type=float, metavar="S", help="wait until all that was sent so far is stored in DynamoDB; exit 1 after S seconds")
    resend = described(roles, "resend", "what the level topics hold into DynamoDB again", RESEND, RESEND_EXAMPLE)
    resend.add_argument("--grain", action="append", default=[], choices=list(map(str, Grain)), help="of this level only; may be repeated")
    resend.add_argument("--device", metavar="D", help="of this device only")
    resend.add_argument("--dry-run", action="store_true", help="only count what there is; DynamoDB is not asked")
    add_redrive(roles)
    add_reconcile(roles)
    add_replay(roles)
    add_erase(roles)
    return top


def described(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, said: str, description: str, example: str
) -> argparse.ArgumentParser:
    """A command with a line in the list of commands, and a text and an example, as they are, in its own help."""
    form = argparse.RawDescriptionHelpFormatter
    return commands.add_parser(name, help=said, description=description, epilog=example, formatter_class=form)


def add_redrive(roles: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command line of redrive."""
    redrive = described(roles, "redrive", "what was rejected, or late, into the readings topic again", REDRIVE, REDRIVE_EXAMPLE)
    redrive.add_argument("--late", action="store_true", help="what was late, not what was rejected")
    redrive.add_argument("--reason", action="append", default=[], metavar="R", help="for this reason only; may be repeated")
    redrive.add_argument("--since", required=True, metavar="TIME", help="refused since then: a date in WATTFALL_ZONE, or an instant with an offset")
    redrive.add_argument("--fix", metavar="MODULE:FUNCTION", help="gets key and value, returns a pair of them, or None to pass over the message")
    redrive.add_argument("--dry-run", action="store_true", help="only count, and say where the first of each reason are")


def add_reconcile(roles: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command line of reconcile."""
    reconcile = described(roles, "reconcile", "devices counted again from their readings, against DynamoDB", RECONCILE, RECONCILE_EXAMPLE)
    reconcile.add_argument("devices", nargs="*", metavar="DEVICE")
    reconcile.add_argument(
        "--sample", type=argument(whole(1, 1_000_000)), metavar="N", help="instead of DEVICE: draw N of the devices that have sent something"
    )
    reconcile.add_argument(
        "--at",
        type=argument(record_place),
        metavar="PLACE",
        help="instead of DEVICE: the one of the record at [TOPIC/]PARTITION/OFFSET of the readings",
    )
    reconcile.add_argument(
        "--seed", type=argument(whole(0, 2**64 - 1)), metavar="S", help="draw the same devices again (default: other ones each time)"
    )
    reconcile.add_argument(
        "--wait",
        type=argument(seconds(0, 86_400)),
        default=0.0,
        metavar="S",
        help="wait so many seconds until what was counted is stored (default: 0)",
    )
    reconcile.add_argument("--json", action="store_true", help="one JSON object a device instead of a table")


def record_place(text: str) -> tuple[int, int]:
    """Partition and offset, as a log has them."""
    *_, partition, offset = ["", *text.split("/")]
    if not (is_whole(partition) and is_whole(offset)):
        raise ValueError("is no place of a record; wanted is [TOPIC/]PARTITION/OFFSET such as 3/81724")
    return int(partition), int(offset)


def add_replay(roles: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command line of replay."""
    replay = described(roles, "replay", "the past counted again, beside the live generation", REPLAY, REPLAY_EXAMPLE)
    actions = replay.add_subparsers(dest="action", required=True, metavar="ACTION")

    def action(name: str, said: str) -> argparse.ArgumentParser:
        return described(actions, name, said, f"{said[0].upper()}{said[1:]}.", REPLAY_EXAMPLE)

    start = action("start", "make the generation, and work on it; again: join in")
    start.add_argument(
        "--from", dest="start", metavar="TIME", help="count from this month on, or the next that is whole (default: all that is there)"
    )
    start.add_argument("--device", action="append", default=[], metavar="D", help="a trial of this device, which cannot go live; may be repeated")
    status = action("status", "how far it is; exit code 1 while it has not caught up")
    diff = action("diff", "the periods and the energy that would change; exit code 1 if anything would")
    promote = action("promote", "make it the live one, once it has caught up")
    drop = action("drop", "remove a generation that is not live: topics, groups, local store")
    for one in (start, promote, drop):
        one.add_argument("--dry-run", action="store_true", help="only say what would be done")
    for one in (diff, promote):
        one.add_argument(
            "--wait", type=argument(seconds(1, 86_400)), default=1800.0, metavar="S", help="for what is on its way through the levels (default: 1800)"
        )
    for one in (status, diff):
        one.add_argument("--json", action="store_true", help="JSON instead of a table")


def add_erase(roles: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command lines of export and erase."""
    export = described(roles, "export", "everything that is kept of a device", EXPORT, EXPORT_EXAMPLE)
    export.add_argument("device", metavar="DEVICE")
    export.add_argument("--format", choices=("json", "csv"), default="json", help="JSON lines or CSV (default: json)")
    erase = described(roles, "erase", "nothing that a device sent by now is kept", ERASE, ERASE_EXAMPLE)
    erase.add_argument("device", metavar="DEVICE")
    erase.add_argument("--again", action="store_true", help="it was erased before: what has come since as well")
    erase.add_argument("--dry-run", action="store_true", help="only say what there is")
    erase.add_argument(
        "--wait", type=argument(seconds(1, 86_400)), default=1800.0, metavar="S", help="for what is on its way through the levels (default: 1800)"
    )


def argument(parse: Callable[[str], T]) -> Callable[[str], T]:
    """A setting's parser as argparse wants it, which says nothing of a ValueError's text."""

    def parsed(text: str) -> T:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{text!r} {error}") from None

    return parsed
