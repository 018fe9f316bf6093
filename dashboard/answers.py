"""What the API answers, as types: from here come the answers, the OpenAPI document and the columns of CSV."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Answer(BaseModel):
    """What is not named here is in no answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Quantity(Answer):
    """What is known of a period, and how far it is to be trusted; docs/metering.md explains each value."""

    import_kwh: float = Field(description="Energy taken from the grid: what counts, exact to the mWh.")
    export_kwh: float = Field(description="Energy given to the grid.")
    import_cost: float | None = Field(description="What the import costs by the tariff; null without one.")
    export_credit: float | None = Field(description="What the export brings by the tariff; null without one.")
    mean_w: float | None = Field(description="Mean power over the covered time, import less export.")
    min_w: float | None
    max_w: float | None
    max_at: datetime | None
    method: Literal["register", "power", "mixed"] | None = Field(description="By what it was measured.")
    coverage: float = Field(description="Share of the whole period in which the power was known, 0 to 1.")
    covered_s: float
    estimated_share: float = Field(description="Share of the energy, import and export, whose place in time is a guess, 0 to 1.")
    estimated_import_kwh: float
    estimated_export_kwh: float
    unbooked_import_kwh: float = Field(description="Energy of before this period that counts nowhere.")
    unbooked_export_kwh: float
    readings: int
    last_at: datetime | None = Field(description="Instant of the newest reading that is in it.")
    resets: int = Field(description="How often a register began anew.")
    glitches: int = Field(description="Register values that were ignored.")


class Period(Answer):
    """An hour, a day or a month of the local calendar, half-open; `total` is null where nothing is known of it, or not any more (`kept_from`)."""

    start: datetime = Field(description="Local time with its offset.")
    end: datetime
    local: str = Field(description="What people call it: 02:00, 2026-10-25, 2026-10. The repeated hour of autumn differs by its offset.")
    offset: str = Field(description="Offset from UTC at its start.", examples=["+01:00"])
    open: bool = Field(description="Its end has not come.")
    total: Quantity | None


class Tariff(Answer):
    """Prices of a kWh."""

    currency: str = Field(description="ISO 4217.")
    import_price: float
    export_price: float


class View(Answer):
    """A day by hours (23, 24 or 25), a month by days, a year by months: every period of it, those of the future as well."""

    device: str
    grain: Literal["hour", "day", "month"] = Field(description="What its periods are.")
    zone: str
    as_of: datetime = Field(description="The server's time, to tell by what is past and how long ago.")
    start: datetime
    end: datetime
    kept_from: datetime | None = Field(description="What ended before may have been deleted; null for days and months, which are kept for ever.")
    tariff: Tariff | None
    astray: int = Field(description="Stored totals that begin with none of the periods, for another zone's calendar made them: they are left out.")
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
