"""`python -m demo`: the only place of the demo that reads the command line."""

from __future__ import annotations

import argparse
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console

from demo.crew import ROOT, Crew, Failed
from demo.story import Story
from local import foreground
from local.errors import LocalError
from local.folder import Folder, owned
from local.guard import Guard

STATE: Final = ROOT / ".state" / "demo"
MARK: Final = "made-by-demo"
INTERRUPTED: Final = 130
DESCRIPTION: Final = """\
Runs all of Wattfall on this machine: a Kafka, a DynamoDB-compatible server and a worker; sends real and invented readings, shows what
became of them, checks every stored total against a second implementation of the rules, and goes on with a few meters until Ctrl-C.
"""
EPILOG: Final = """\
example:
  python -m demo --once      (make demo ONCE=1)

Everything is under DIR, which each demo empties first; DIR/*.log is what the commands said.
Exit codes: 0 every total was equal, 1 one was not, 2 a command failed, 130 interrupted before the check was done.
"""


def parser() -> argparse.ArgumentParser:
    """What can be said on the command line."""
    made = argparse.ArgumentParser("python -m demo", description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--once", action="store_true", help="end after the check")
    made.add_argument("--state", type=Path, default=STATE, metavar="DIR", help="where everything is kept (default: .state/demo)")
    return made


def main(argv: Sequence[str]) -> int:
    """The exit code."""
    asked = parser().parse_args(argv)
    state: Path = asked.state.absolute()
    story: Story | None = None

    async def work(folder: Folder) -> None:
        nonlocal story
        async with Guard(folder.lock) as guard:
            crew = Crew(guard, folder.path)
            story = Story(crew, Console())
            await crew.watching(story.tell(asked.once))

    if others(state):
        return complain(f"--state {state}: there is something that no demo made, and a demo empties its folder; name another")
    try:
        with owned(state) as folder:
            empty(folder.path)
            fetch()
            foreground.run(work(folder))
    except LocalError as error:
        return complain(f"{state} cannot be had; if another demo runs, end that first ({error})")
    except Failed as error:
        return complain(f"{error}\nAll logs are in {state}. Nothing is left running; the next demo begins anew.")
    except KeyboardInterrupt:
        return INTERRUPTED
    return INTERRUPTED if story is None or story.equal is None else 0 if story.equal else 1


def complain(text: str) -> int:
    """Why nothing came of it; the exit code."""
    print(f"demo: {text}", file=sys.stderr)
    return 2


def others(state: Path) -> bool:
    """The folder has something that is not ours to delete."""
    names = {path.name for path in state.iterdir()} if state.is_dir() else set()
    return state != STATE and bool(names - {"lock"}) and MARK not in names


def empty(state: Path) -> None:
    """A demo begins with nothing; only the lock stays, and the mark that says whose folder it is."""
    (state / MARK).touch()
    for path in state.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name not in ("lock", MARK):
            path.unlink()


def fetch() -> None:
    """What the local stack needs the first time, with its own progress bar. Raises Failed."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if code := subprocess.run([sys.executable, "-m", "local", "fetch"], check=False, cwd=ROOT).returncode:
        raise Failed(f"python -m local fetch ended with exit code {code}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
