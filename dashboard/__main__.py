"""`python -m dashboard`: serves the API and the page; says who may see what. The composition root: reads the environment, the clock, the terminal."""

from __future__ import annotations

import argparse
import asyncio
import gc
import getpass
import os
import signal
import socket
import sys
from collections.abc import Sequence

from starlette.types import ASGIApp

from dashboard import processes
from dashboard.access import Access
from dashboard.app import application
from dashboard.people import People, PeopleError
from dashboard.server import BACKLOG, server
from dashboard.settings import Settings
from dashboard.tokens import NoToken, own_key
from dynamodb.settings import Settings as DynamoSettings
from settings.environ import SettingError
from streams import logs

MISTAKE = 2
EXAMPLE = """example:
  export WATTFALL_ZONE=Europe/Amsterdam AWS_REGION=eu-west-1
  python -m dashboard person ada --devices home,barn --password
  python -m dashboard serve
  curl -H "Authorization: Bearer $(python -m dashboard token ada)" http://127.0.0.1:8080/v1/devices

Settings are WATTFALL_DASHBOARD_… (docs/settings.md); who may see what is in people.json in WATTFALL_DASHBOARD_DIR."""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(
        prog="python -m dashboard",
        description="What people look at: an HTTP API and a page over DynamoDB.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(dest="command", metavar="COMMAND")
    serves = commands.add_parser("serve", help="answer until it is stopped (what happens without a COMMAND)")
    serves.add_argument(processes.SOCKET, type=int, dest="socket", help=argparse.SUPPRESS)  # how one of several is told where it listens
    person = commands.add_parser("person", help="say which devices a person may see, and with which password they log in")
    token = commands.add_parser("token", help="print a bearer token for a person, signed by this dashboard's own key")
    for one in (person, token):
        one.add_argument("person", metavar="PERSON", help="whom the claim `sub` of a token names, or who logs in")
        one.add_argument("--devices", metavar="A,B", help="what they may see from now on; without it nothing changes")
    person.add_argument("--password", action="store_true", help="ask for a password, or read it from standard input where that is no terminal")
    token.add_argument("--link", action="store_true", help="print a link that opens the page with it")
    top.set_defaults(socket=None)
    return top


def serve(settings: Settings) -> int:
    """Answers until it is stopped, by itself or by several processes."""
    form, app = prepared(settings)
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.create_server((settings.host, settings.port), family=family, backlog=BACKLOG)

    def greet() -> None:
        print(greeting(settings, listening.getsockname()[1]), file=sys.stderr, flush=True)

    logs.begin(form)
    if settings.processes > 1:
        return asyncio.run(processes.keep(settings.processes, listening, greet))
    server(app, greet).run([listening])
    return 0


def serve_beside_others(settings: Settings, number: int) -> int:
    """The same on the socket of this number, as one of several processes, for as long as there is one that keeps them."""
    processes.end_with_keeper()
    form, app = prepared(settings)
    logs.begin(form)
    server(app, processes.say_answering).run([socket.socket(fileno=number)])
    return 0


def prepared(settings: Settings) -> tuple[str, ASGIApp]:
    """How it logs, and what answers: whatever is wrong with either is said before anybody is answered."""
    form, app = logs.form(os.environ), application(settings, DynamoSettings.from_environ(os.environ))
    gc.freeze()  # what is there by now stays: to look through it for garbage takes a tenth of a second, in which nobody is answered
    signal.signal(signal.SIGTERM, stopped)  # uvicorn ends in order, and then raises the signal again as it was before
    return form, app


def greeting(settings: Settings, port: int) -> str:
    """Where it is; and a line more where nobody should log in that way."""
    bare = "\nwattfall: passwords and sessions go over the network unencrypted; an https:// address in WATTFALL_DASHBOARD_URL says that they do not"
    return f"wattfall: the dashboard is at {address(settings, port)}{bare if settings.bare else ''}"


def stopped(number: int, frame: object) -> None:
    """Asked to stop, and done."""
    sys.exit(0)


def person(settings: Settings, asked: argparse.Namespace) -> int:
    """Writes what is said of a person into people.json; after that the folder has all that a dashboard wants."""
    password = None
    if asked.password:
        password = getpass.getpass(f"password of {asked.person}: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    kept = People(settings.folder).put(asked.person, devices(asked), password)
    own_key(settings.folder)  # so that whoever serves it from there need not write
    print(f"{asked.person} may see {', '.join(kept.devices) or 'nothing'}, {'with' if kept.password else 'without'} a password")
    return 0


def token(settings: Settings, asked: argparse.Namespace) -> int:
    """Prints a token, or a link with it; what --devices says is kept first."""
    access = Access(settings)
    made = access.tokens.development(asked.person)
    if asked.devices is not None:
        access.people.put(asked.person, devices(asked), None)
    elif access.people.of(asked.person) is None:
        raise PeopleError(f"{access.people.path} does not name {asked.person}; --devices says what they may see")
    print(f"{address(settings, settings.port)}/#token={made}" if asked.link else made)
    return 0


def address(settings: Settings, port: int) -> str:
    """What people type."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return settings.url or f"http://{host}:{port}"


def devices(asked: argparse.Namespace) -> list[str] | None:
    """What --devices says; None where it is not there."""
    return None if asked.devices is None else [one for one in map(str.strip, asked.devices.split(",")) if one]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; a mistake is one line on standard error and exit code 2."""
    asked = parser().parse_args(arguments)
    try:
        settings = Settings.from_environ(os.environ)
        if asked.command == "person":
            return person(settings, asked)
        if asked.command == "token":
            return token(settings, asked)
        return serve(settings) if asked.socket is None else serve_beside_others(settings, asked.socket)
    except (SettingError, PeopleError, NoToken, OSError) as error:
        print(f"wattfall: {error}", file=sys.stderr)
        return MISTAKE
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
