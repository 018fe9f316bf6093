"""When a reading is due. The clock is a number."""

from __future__ import annotations

from ingest.pace import Pace, instant_ms, side_by_side


def test_the_first_is_due_at_once_and_the_others_by_their_own_times() -> None:
    #  readings' time   0 s      60 s      30 s   120 s
    #  at speed 60      now      + 1 s     past   + 2 s
    pace = Pace(60)
    assert pace.wait(1_000_000, 500.0) == 0
    assert pace.wait(1_060_000, 500.0) == 1.0
    assert pace.wait(1_060_000, 500.75) == 0.25
    assert pace.wait(1_030_000, 501.0) == 0
    assert pace.wait("1970-01-01T00:18:40Z", 501.0) == 1.0
    assert pace.wait("yesterday", 501.0) == 0
    assert pace.wait(None, 501.0) == 0


def test_a_time_is_epoch_milliseconds_or_rfc_3339() -> None:
    assert instant_ms(5) == 5
    assert instant_ms("2021-10-24T19:52:35.5+02:00") == instant_ms("2021-10-24T17:52:35.5Z") == 1635097955500
    assert [instant_ms(at) for at in ("", "x", None, [1], 1.5, "9999-12-31T23:59:59-14:00")] == [None, None, None, None, None, 253402351199000]


def test_side_by_side_goes_by_time() -> None:
    one: list[tuple[object, str]] = [(1, "a1"), (None, "a?"), (5, "a5"), (2, "a2")]
    other: list[tuple[object, str]] = [("1970-01-01T00:00:00.003Z", "b3"), (7, "b7")]
    assert list(side_by_side([one, other])) == ["a1", "a?", "b3", "a5", "a2", "b7"]
    assert list(side_by_side([])) == []
