"""An ordinary total, to be changed where a test needs it otherwise."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from metering.total import Grain, Method, Total


def epoch_s(text: str) -> int:
    """An instant in RFC 3339 as epoch seconds."""
    return int(datetime.fromisoformat(text).timestamp())


def hour_total(**changed: Any) -> Total:
    """An ordinary hour of a household: a reading every 10 s, register and power."""
    start = epoch_s("2026-10-24T22:00Z")
    total = Total(
        device="cad-000123",
        grain=Grain.HOUR,
        start=start,
        end=start + 3600,
        import_mwh=431_517,
        export_mwh=0,
        method=Method.REGISTER,
        integral_import_mwh=431_102,
        integral_export_mwh=0,
        estimated_import_mwh=0,
        estimated_export_mwh=0,
        unbooked_import_mwh=0,
        unbooked_export_mwh=0,
        power_min_mw=118_250,
        power_max_mw=2_431_750,
        power_max_at=start * 1000 + 1_234_567,
        readings=360,
        covered_ms=3_599_123,
        first_at=start * 1000 + 3_217,
        last_at=start * 1000 + 3_593_217,
        glitches=0,
        resets=0,
        epoch=1,
        offset=9_876_543_210,
        reflects=9_876_543_210,
    )
    return total._replace(**changed)
