"""What the demo does, in order: everything a user would do, with the same commands."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from typing import Final

from rich.console import Console

from demo import house
from demo.bar import following
from demo.crew import ROOT, Crew, command_line
from demo.live import live
from demo.simulated import Meter, instants
from metering.compare import differences, read

SAMPLES: Final = ROOT / "tests" / "data"
METERS: Final = tuple(Meter(number) for number in (1, 2, 3))
BEFORE_S: Final = 3600
DONE_WITHIN_S: Final = 300
NAMED: Final = 20
REAL_HOUSE: Final = "house-1"
SEEN: Final = (*(meter.device for meter in METERS), house.DEVICE, REAL_HOUSE)
"""What the link of the demo shows, the meters that go on sending first."""
VIEWS: Final = (
    (
        "a day by hours",
        (house.DEVICE, "--grain", "hour", "--from", f"{house.YEAR}-10-26"),
        "the clocks go back: a day of 25 hours, with two of 01:00",
    ),
    (
        "a month by days",
        (house.DEVICE, "--grain", "day", "--from", f"{house.YEAR}-11"),
        "no readings came from the 11th, 02:00, to the 12th, 14:30: the register still knows how much was used, not when",
    ),
    (
        "a year by months",
        (house.DEVICE, "--grain", "month", "--from", f"{house.YEAR}"),
        "readings since May; in June both registers once said 0 (glitches), in September the meter was exchanged (resets)",
    ),
    (
        "a real house, a day by hours",
        (REAL_HOUSE, "--grain", "hour", "--from", "2013-04-14"),
        "it has no register: its hours are the power's integral",
    ),
    ("the live reading", (METERS[0].device, "--grain", "live"), "of a meter that sends every ten seconds"),
)
"""What is shown, the command that shows it, and what there is to see."""


class Story:
    """One demo. `equal`: whether every stored total is what the oracle says, None until that is known."""

    def __init__(self, crew: Crew, console: Console) -> None:
        self.crew, self.console = crew, console
        self.equal: bool | None = None
        self.expected = crew.folder / "expected.jsonl"

    async def tell(self, once: bool) -> None:
        """All of it. If all totals are equal it goes on until it is cancelled, but not `once`."""
        with self._step("a Kafka and a DynamoDB on this machine"):
            await self.crew.stack()
        with self._step("topics and tables"):
            await asyncio.gather(
                self.crew.run("topics", "agents", "topics", "create"),
                self.crew.run("tables", "dynamodb", "create"),
            )
        async with self.crew.working("worker", "agents", "worker"):
            await self.show(once)

    async def show(self, once: bool) -> None:
        """What a worker does with the readings."""
        with self._step("readings sent, counted and stored"):
            async with following(self.crew.environ, self.console):
                await self.send()
                await asyncio.gather(
                    self.crew.run("oracle", "demo.expected", str(self.expected)),
                    self.crew.run("lag", "agents", "lag", "--wait", str(DONE_WITHIN_S)),
                )
        exported, _ = await asyncio.gather(self.crew.ask("dynamodb", "export"), self.views())
        with self._step("every stored total against the oracle"):
            self.equal = self.check(exported)
        if self.equal and not once:
            async with self.dashboard():
                await live(self.crew, METERS, self.console)

    @contextlib.asynccontextmanager
    async def dashboard(self) -> AsyncIterator[None]:
        """The dashboard, and a link that opens it for somebody who may see what the demo sent."""
        async with self.crew.working("dashboard", "dashboard", "serve"):
            said = (await self.crew.heard("dashboard", "the dashboard is at ")).split()[-1]
            self.crew.environ["WATTFALL_DASHBOARD_URL"] = said
            link = await self.crew.ask("dashboard", "token", "you", "--devices", ",".join(SEEN), "--link")
            self.console.print(f"\n[bold]the same in a browser[/]: {link.decode().strip()}", highlight=False, soft_wrap=True)
            yield

    async def send(self) -> None:
        """The shared samples, the invented house, and the last hour of the simulated meters; the telegrams twice, which must not matter."""
        invented, today = self.crew.folder / "demo-house.jsonl", self.crew.folder / "today.jsonl"
        invented.write_text("".join(f"{line}\n" for line in house.readings()))
        now = int(time.time())
        today.write_text("".join(f"{meter.message(at)}\n" for at in instants(now - BEFORE_S, now) for meter in METERS))
        house_6s, appliances, telegrams = (str(SAMPLES / name) for name in ("house_6s.csv.gz", "appliances_6s.csv.gz", "dsmr_p1_1s.txt"))
        await asyncio.gather(
            self.crew.run("ingest-appliances", "ingest", appliances),
            self.crew.run("ingest-house", "ingest", "--batch", "300", house_6s),
            self.crew.run("ingest-telegrams", "ingest", "--no-checksum", telegrams, telegrams),
            self.crew.run("ingest-demo-house", "ingest", "--batch", "48", str(invented)),
            self.crew.run("ingest-today", "ingest", "--batch", "180", str(today)),
        )

    async def views(self) -> None:
        """What a person would see of it."""
        for title, arguments, said in VIEWS:
            line = command_line("dynamodb", "read", *arguments)
            self.console.print(f"\n[bold]{title}[/]  [dim]{line}[/]\n{said}", highlight=False, soft_wrap=True)
            await self.crew.show("dynamodb", "read", *arguments)

    def check(self, exported: bytes) -> bool:
        """Says how what is stored compares with what has to be there; whether all is equal."""
        stored = read(exported.splitlines())
        wanted = read(self.expected.read_bytes().splitlines())
        wrong = list(differences(stored, wanted))
        checked = len(stored.keys() | wanted.keys())
        equal = checked > 0 and not wrong
        text = f"\n{checked:,} totals checked, {checked - len(wrong):,} equal"
        self.console.print(text, style="bold green" if equal else "bold red", highlight=False)
        self.console.print(f"of the readings: {self.crew.log('oracle').read_text().strip()}", highlight=False)
        for line in wrong[:NAMED]:
            self.console.print(f"  {line}", highlight=False, markup=False)
        if len(wrong) > NAMED:
            self.console.print(f"  … and {len(wrong) - NAMED:,} more")
        return equal

    @contextlib.contextmanager
    def _step(self, title: str) -> Iterator[None]:
        began = time.monotonic()
        self.console.print(f"[bold]{title}[/] …", highlight=False)
        yield
        self.console.print(f"[dim]  {title}: {time.monotonic() - began:.1f} s[/]", highlight=False)
