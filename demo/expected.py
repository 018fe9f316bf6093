"""`python -m demo.expected FILE`: every total that the readings topic must lead to, by the oracle, one JSON object a line.

What is durably in Kafka is read from its beginning to its end, as of the start of the command; not what the demo believes it has sent.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from metering.wire import total_to_json
from settings.environ import SettingError
from streams.cluster import ClusterError, admin, describe
from streams.look_back import records
from streams.settings import Settings
from streams.topics import Topics
from tests.oracle import Message, Oracle

EXAMPLE = """example, with the variables of a running worker:
  python -m dynamodb export > stored.jsonl
  python -m demo.expected expected.jsonl"""


async def oracle(settings: Settings) -> Oracle:
    """The oracle, having seen all that the readings topic holds now. Raises ClusterError."""
    topic = Topics.of(settings).readings
    judge = Oracle(settings.rules)
    async with admin(settings.brokers) as client:
        topics = (await describe(client)).topics
    if topic not in topics:
        raise ClusterError(f"there is no topic {topic}: `python -m agents topics create` makes it")
    partitions = topics[topic].partitions
    async for tp, some in records(settings.brokers, topic, range(partitions)):
        for record in some:
            judge.add(Message(record.key, record.value, record.timestamp, record.offset, tp.partition, partitions))
    return judge


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(
        prog="python -m demo.expected",
        description="Writes every total that the readings topic must lead to, by the oracle, one JSON object a line.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("file", metavar="FILE", type=Path, help="where to write the totals; what it held is lost")
    return top


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Writes the totals; says what became of the readings. A mistake, or no broker, is one line on standard error and exit code 2."""
    asked = parser().parse_args(arguments)
    try:
        judge = asyncio.run(oracle(Settings.from_environ(environ)))
        with asked.file.open("wb") as file:
            file.writelines(total_to_json(total) + b"\n" for total in judge.totals().values())
    except (SettingError, ClusterError, OSError) as error:
        print(f"expected: {error}", file=sys.stderr)
        return 2
    print(", ".join(f"{count:,} {outcome}" for outcome, count in sorted(judge.outcomes.items())))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
