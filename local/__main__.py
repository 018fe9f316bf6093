"""A real Kafka and a DynamoDB-compatible server on this machine, without Docker, Java or Maven.

Once both answer, one line on standard output says where: a JSON object of exactly the environment variables with which every other
command finds them. They run until this command is stopped (Ctrl-C, SIGTERM); what is in them is kept in the folder.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from local import foreground
from local.console import say
from local.errors import Ended, LocalError
from local.folder import owned
from local.runtime import prepare
from local.stack import up

EXAMPLE = """example:
  python -m local up --state .state > stack.json &
  export $(python -c 'import json; print(*("=".join(pair) for pair in json.load(open("stack.json")).items()))')
"""


def main(argv: Sequence[str]) -> int:
    """Exit code 0: stopped as asked; 1: a server ended by itself; 2: it could not be started; 130: stopped before it had started."""
    arguments = _parser().parse_args(argv)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # while jars are fetched it does what Ctrl-C does
    try:
        if arguments.command == "fetch":
            prepare()
        else:
            with owned(arguments.state.absolute()) as folder:
                foreground.run(up(folder, prepare(), arguments.respawn, arguments.properties or ""))
    except Ended as error:
        say(f"local: {error}")
        return 1
    except LocalError as error:
        say(f"local: {error}")
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m local", description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    start = commands.add_parser("up", help="run both in the foreground", epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter)
    start.add_argument(
        "--state", type=Path, default=Path(".state"), metavar="DIR", help="where data, logs, ports.json and pids.json are kept (default: .state)"
    )
    start.add_argument(
        "--respawn",
        type=_seconds,
        nargs="?",
        const=1.0,
        metavar="SECONDS",
        help="when the broker ends, start it again on the same port after so long (1 if not said); without this the stack ends with it",
    )
    start.add_argument(
        "--properties",
        type=_text,
        default=None,
        metavar="FILE",
        help="more of the broker's properties, for a listener with TLS or an authorizer; they win over its own (${broker}, ${controller}: its ports)",
    )
    commands.add_parser("fetch", help="only fetch and make what `up` needs the first time, for an image or a CI cache")
    return parser


def _text(path: str) -> str:
    try:
        return Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise argparse.ArgumentTypeError(f"{path}: {getattr(error, 'strerror', None) or error}") from None


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < 3600:
        raise argparse.ArgumentTypeError(f"{text}: 0 up to 3600 seconds")
    return seconds


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
