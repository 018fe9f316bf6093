"""What a library says again and again is said seldom."""

from __future__ import annotations

import logging

from streams.logs import Seldom


def record(text: str, *values: object) -> logging.LogRecord:
    return logging.LogRecord("aiokafka.client", logging.WARNING, "", 0, text, values, None)


def test_the_same_is_said_once_in_half_a_minute_and_then_with_its_number() -> None:
    now = 0.0
    seldom = Seldom(30, lambda: now)
    said = []
    for second in range(61):
        now = float(second)
        one = record("no connection to %s", second)
        if seldom.filter(one):
            said.append(one.getMessage())
    assert said == [
        "no connection to 0",
        "no connection to 30 [and 29 times more since]",
        "no connection to 60 [and 29 times more since]",
    ]


def test_something_else_is_said_at_once() -> None:
    seldom = Seldom(30, lambda: 0.0)
    assert seldom.filter(record("no connection to %s", 1))
    assert seldom.filter(record("the broker is back"))
