"""What becomes of a record's key and value: by the product's decoder on its quick way and on its slow one, and by the oracle."""

from __future__ import annotations

import json
from typing import Any

from metering.errors import RejectedReading
from metering.reading import Decoder, Message, Reading
from metering.rules import Rules
from tests import oracle_reading
from tests.near_misses import NOW, TIME
from tests.oracle_reading import Refused

USUAL = Rules()
DEVICE = "cad-1"
KEY = DEVICE.encode()

Outcome = tuple[str, list[tuple[int | None, Reading]], dict[str, list[int | None]]] | str
"""Device, readings with their place in the arrays, places by reason; or the reason why the message is rejected whole."""


def decoded(value: bytes | None, key: bytes | None = KEY, decoder: Decoder | None = None) -> Outcome:
    """As a fold decodes: the quick way where the device is known and it gives anything, else the slow one."""
    decoder = decoder or Decoder(USUAL)
    reading = decoder.plain(DEVICE, value, NOW) if isinstance(decoder, Warm) and key == KEY else None
    if reading is not None:
        return DEVICE, [(None, reading)], {}
    try:
        return outcome(decoder.decode(key, value, NOW))
    except RejectedReading as rejected:
        assert 0 < len(rejected.detail) <= 256
        return rejected.reason.value


def outcome(message: Message) -> Outcome:
    """What the product made of a message."""
    places = [None] * len(message.readings) if message.elements is None else list(message.elements)
    good = list(zip(places, message.readings, strict=True))
    return message.device, good, {fault.reason.value: list(fault.elements) for fault in message.faults}


def by_oracle(value: bytes | None, key: bytes | None = KEY) -> Outcome:
    """What the oracle makes of it."""
    try:
        found = oracle_reading.decode(oracle_reading.Message(key, value, NOW, 0), USUAL)
    except Refused as refused:
        return refused.reason
    for reason, places in found.bad.items():
        if places == [None]:  # the only element of a message without arrays
            return reason
    return found.device, [(place, flat(reading)) for place, reading in found.good], found.bad


def flat(reading: oracle_reading.Reading) -> Reading:
    """An oracle's reading as the product has it."""
    flow = reading.flow or oracle_reading.Flow(None, None, None)
    return reading.at, flow.power_mw, reading.import_mwh, reading.export_mwh, flow.for_ms, flow.energy_mwh


class Warm(Decoder):
    """One that knows the device and some minutes, so that the quick way is open."""

    def __init__(self) -> None:
        super().__init__(USUAL)
        for at in (NOW, TIME, "2025-11-24T15:59:00Z"):
            self.decode(KEY, told(at=at, power_w=1), NOW)


def told(**fields: Any) -> bytes:
    """A message of the device."""
    return json.dumps({"device": DEVICE} | fields, separators=(",", ":")).encode()
