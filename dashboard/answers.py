"""What the API answers, as types: from here come the answers, the OpenAPI document and the columns of CSV."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

CLOSED: ConfigDict = ConfigDict(extra="forbid", frozen=True)
"""What is not named here is in no answer."""


class Answer(BaseModel):
    """What is checked as it is made."""

    model_config = CLOSED


class Part:
    """A view, or a part of one. We make it of what we have checked, many at a time: as models they would cost a tenth of what a view costs."""

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED


@dataclass
class Quantity(Part):
    """What is known of a period, and how far it is to be trusted; docs/metering.md explains each value."""

    import_kwh: Annotated[float, Field(description="Energy taken from the grid: what counts, exact to the mWh.")]
    export_kwh: Annotated[float, Field(description="Energy given to the grid.")]
    import_cost: Annotated[float | None, Field(description="What the import costs by the tariff; null without one.")]
    export_credit: Annotated[float | None, Field(description="What the export brings by the tariff; null without one.")]
    mean_w: Annotated[float | None, Field(description="Mean power over the covered time, import less export.")]
    min_w: float | None
    max_w: float | None
    max_at: datetime | None
    method: Annotated[Literal["register", "power", "mixed"] | None, Field(description="By what it was measured.")]
    coverage: Annotated[float, Field(description="Share of the whole period in which the power was known, 0 to 1.")]
    covered_s: float
    estimated_share: Annotated[float, Field(description="Share of the energy, import and export, whose place in time is a guess, 0 to 1.")]
    estimated_import_kwh: float
    estimated_export_kwh: float
    unbooked_import_kwh: Annotated[float, Field(description="Energy of before this period that counts nowhere.")]
    unbooked_export_kwh: float
    readings: int
    last_at: Annotated[datetime | None, Field(description="Instant of the newest reading that is in it.")]
    resets: Annotated[int, Field(description="How often a register began anew.")]
    glitches: Annotated[int, Field(description="Register values that were ignored.")]


@dataclass
class Period(Part):
    """An hour, a day or a month of the local calendar, half-open; `total` is null where nothing is known of it, or not any more (`kept_from`)."""

    start: Annotated[datetime, Field(description="Local time with its offset.")]
    end: datetime
    local: Annotated[str, Field(description="What people call it: 02:00, 2026-10-25, 2026-10. The repeated hour of autumn differs by its offset.")]
    offset: Annotated[str, Field(description="Offset from UTC at its start.", examples=["+01:00"])]
    open: Annotated[bool, Field(description="Its end has not come.")]
    total: Quantity | None


@dataclass
class Tariff(Part):
    """Prices of a kWh."""

    currency: Annotated[str, Field(description="ISO 4217.")]
    import_price: float
    export_price: float


@dataclass
class View(Part):
    """A day by hours (23, 24 or 25), a month by days, a year by months: every period of it, those of the future as well."""

    device: str
    grain: Annotated[Literal["hour", "day", "month"], Field(description="What its periods are.")]
    zone: str
    as_of: Annotated[datetime, Field(description="The server's time, to tell by what is past and how long ago.")]
    start: datetime
    end: datetime
    kept_from: Annotated[
        datetime | None, Field(description="What ended before may have been deleted; null for days and months, which are kept for ever.")
    ]
    tariff: Tariff | None
    astray: Annotated[
        int, Field(description="Stored totals that begin with none of the periods, for another zone's calendar made them: they are left out.")
    ]
    periods: list[Period]


class Live(Answer):
    """The newest value of each kind, each with its own instant; null where the device never sent one."""

    device: str
    as_of: datetime = Field(description="The server's time, to tell the age of a value by.")
    power_w: float | None
    power_at: datetime | None
    import_kwh: float | None = Field(description="Register.")
    import_at: datetime | None
    export_kwh: float | None
    export_at: datetime | None


class Devices(Answer):
    """Who asks, what they may see, and what they need to know to ask: today's local date."""

    person: str
    devices: list[str]
    zone: str
    today: str


class Login(BaseModel):
    """A name and its password."""

    model_config = ConfigDict(extra="forbid")
    person: str = Field(min_length=1, max_length=256)
    password: str = Field(min_length=1, max_length=1024)


class Problem(Answer):
    """An error (RFC 9457)."""

    type: str = Field(default="about:blank")
    title: str
    status: int
    detail: str
