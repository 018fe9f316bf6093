"""An invented household from spring to winter: half-hourly energies with registers, solar panels, heating, and what goes wrong in a year.

The same seed gives the same readings. What happens to it:

    1 May                                    the readings begin; the meter has counted for years
    3 June, 12:00                            one reading says that both registers are at 0
    16 September, 09:00                      the meter is exchanged; the new one begins at 0.012 kWh
    26 October                               the clocks change: a day of 25 hours
    11 November, 02:00 to the 12th, 14:30    no readings come; the meter counts on
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from math import cos, exp, pi, sin
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

DEVICE: Final = "demo-house"
YEAR: Final = 2025
ZONE: Final = ZoneInfo("Europe/London")
HALF_HOUR: Final = timedelta(minutes=30)
SILENT: Final = (datetime(YEAR, 11, 11, 2, tzinfo=UTC), datetime(YEAR, 11, 12, 14, 30, tzinfo=UTC))
ZERO: Final = datetime(YEAR, 6, 3, 11, tzinfo=UTC)
EXCHANGED: Final = datetime(YEAR, 9, 16, 8, tzinfo=UTC)
FIRST_WH: Final = {"import": 4_311_207, "export": 1_960_554}
NEW_WH: Final = 12


def readings(seed: int = 1) -> Iterator[str]:
    """In order of time, a JSON object each, as the readings topic takes them."""
    random = Random(f"{DEVICE} {seed}")
    registers = dict(FIRST_WH)
    at = datetime(YEAR, 5, 1, tzinfo=ZONE).astimezone(UTC)
    end = datetime(YEAR + 1, 1, 1, tzinfo=ZONE).astimezone(UTC)
    sky = day = 0.0
    while at < end:
        local = at.astimezone(ZONE)
        if day != local.toordinal():
            day, sky = local.toordinal(), random.betavariate(1.6, 1.2)
        energy_wh = round(used_w(local, random) / 2 - shone_w(at, sky, random) / 2)
        if at == EXCHANGED:
            registers = dict.fromkeys(registers, NEW_WH)
        if not SILENT[0] <= at < SILENT[1]:
            yield reading(at, energy_wh, registers)
        registers["import" if energy_wh > 0 else "export"] += abs(energy_wh)
        at += HALF_HOUR


def reading(at: datetime, energy_wh: int, registers: dict[str, int]) -> str:
    """The energy of the half hour that begins, and the registers as it begins."""
    shown = {f"{direction}_wh": 0 if at == ZERO else wh for direction, wh in registers.items()}
    instant = at.isoformat().replace("+00:00", "Z")
    return json.dumps({"device": DEVICE, "at": instant, "for_s": 1800, "energy_wh": energy_wh, **shown})


def season(at: datetime) -> float:
    """1 in the middle of January, -1 in the middle of July."""
    return cos(2 * pi * (at.timetuple().tm_yday - 15) / 365)


def used_w(local: datetime, random: Random) -> float:
    """What the house uses: always something, more in the morning and evening, heating when it is cold."""
    hour = local.hour + local.minute / 60
    morning, evening = (exp(-(((hour - peak) / width) ** 2)) for peak, width in ((7.5 if local.weekday() < 5 else 9.5, 1.3), (19.0, 2.2)))
    heating = max(0.0, season(local) + 0.2) * (350 + 500 * morning + 350 * evening)
    return (140 + 420 * morning + 680 * evening + heating) * random.uniform(0.7, 1.35)


def shone_w(at: datetime, sky: float, random: Random) -> float:
    """What the panels give: long days in summer, and clouds that differ from day to day."""
    light = 12 - 4.4 * season(at)
    since_sunrise = at.hour + at.minute / 60 + 0.25 - (12 - light / 2)
    if not 0 < since_sunrise < light:
        return 0.0
    return sin(pi * since_sunrise / light) * (1900 - 900 * season(at)) * (0.12 + 0.88 * sky) * random.uniform(0.75, 1.0)
