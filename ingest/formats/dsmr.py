"""DSMR P1: the telegrams of Dutch, Belgian and other smart meters, as they come from the port, one after the other.

A telegram is a reading: its time, power (drawn less fed in) and the two registers (the sum of their tariffs). Gas and the rest is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from ingest.reading import BadLine, Lines, Options, Reading

ABOUT: Final = "raw P1 telegrams, one after the other (needs the package dsmr-parser); the device is the meter's equipment identifier"
SCALE: Final = {"kWh": 1000, "Wh": 1, "kW": 1000, "W": 1}
OFFSET: Final = {"S": timezone(timedelta(hours=2)), "W": timezone(timedelta(hours=1))}
LONGEST: Final = 1000
"""Lines. A telegram has some forty: in more than these an end was lost."""


def read(lines: Lines, options: Options) -> Iterator[Reading | BadLine]:
    """One reading a telegram, of the device that `options` name, else of the meter's equipment identifier.

    A telegram without its beginning or end, with a wrong checksum, or without a time is a `BadLine`. Raises ModuleNotFoundError if
    the package dsmr-parser is not installed.
    """
    parser = _parser()
    for began, telegram in _telegrams(lines):
        try:
            yield Reading(began, _reading(parser, telegram, options))
        except (ValueError, InvalidOperation) as error:
            yield BadLine(began, str(error) if type(error) is ValueError else f"not a telegram: {error}")


def _telegrams(lines: Lines) -> Iterator[tuple[int, list[str]]]:
    """Each telegram, whole or not, with the number of its first line."""
    began, telegram = 0, list[str]()
    for number, line in enumerate(lines, 1):
        text = line.decode("ascii", "replace").rstrip("\r\n")
        if telegram and (text.startswith("/") or len(telegram) == LONGEST):
            yield began, telegram
            telegram = []
        if telegram or text:
            began = began if telegram else number
            telegram.append(text)
        if text.startswith("!"):
            yield began, telegram
            telegram = []
    if telegram:
        yield began, telegram


def _parser() -> Any:
    """dsmr-parser, told of no more than a reading needs; imported here, because only who has telegrams needs the package."""
    from dsmr_parser import obis_references as obis
    from dsmr_parser.parsers import CosemParser, TelegramParser, ValueParser

    references = {
        "at": obis.P1_MESSAGE_TIMESTAMP,
        "device": obis.BELGIUM_EQUIPMENT_IDENTIFIER,  # on channel 0: the meter itself, not the gas meter behind it
        "drawn": obis.CURRENT_ELECTRICITY_USAGE,
        "fed": obis.CURRENT_ELECTRICITY_DELIVERY,
        "import_wh": obis.ELECTRICITY_IMPORTED_TOTAL,
        "export_wh": obis.ELECTRICITY_EXPORTED_TOTAL,
    }
    for tariff in range(1, 5):
        references[f"import_wh_{tariff}"] = getattr(obis, f"ELECTRICITY_USED_TARIFF_{tariff}")
        references[f"export_wh_{tariff}"] = getattr(obis, f"ELECTRICITY_DELIVERED_TARIFF_{tariff}")
    rules = [
        {"obis_reference": reference, "value_name": name, "value_parser": CosemParser(ValueParser(str if name in ("at", "device") else Decimal))}
        for name, reference in references.items()
    ]
    return TelegramParser({"checksum_support": False, "objects": rules})


def _reading(parser: Any, telegram: list[str], options: Options) -> dict[str, object]:
    """Raises ValueError with a reason for people, or what dsmr-parser raises."""
    from dsmr_parser.exceptions import InvalidChecksumError, ParseError

    if not telegram[0].startswith("/"):
        raise ValueError("the telegram has no beginning")
    if not telegram[-1].startswith("!"):
        raise ValueError("the telegram has no end")
    text = "\r\n".join([*telegram, ""])  # the line ends that the checksum covers, whatever a file was saved with
    try:
        if options.checksum and telegram[-1].strip() != "!":  # meters before DSMR 4 send none
            parser.validate_checksum(text)
        found = parser.parse(text, throw_ex=True)
    except InvalidChecksumError as error:
        raise ValueError("wrong checksum: damaged on its way (--no-checksum takes it all the same)") from error
    except ParseError as error:
        raise ValueError(f"not a telegram: {error}") from error
    return _fields(dict(list(found)), options)


def _fields(found: dict[str, Any], options: Options) -> dict[str, object]:
    if "at" not in found:
        raise ValueError("the telegram has no time (0-0:1.0.0)")
    fields: dict[str, object] = {"at": _instant(found["at"].value)}
    device = options.device or (found["device"].value if "device" in found else None)
    if device is not None:
        fields = {"device": device, **fields}
    if "drawn" in found or "fed" in found:
        fields["power_w"] = _number(_base(found.get("drawn")) - _base(found.get("fed")))
    for register in ("import_wh", "export_wh"):
        tariffs = [found[name] for name in found if name.startswith(f"{register}_")]
        parts = [found[register]] if register in found else tariffs
        if parts:
            fields[register] = _number(sum((_base(part) for part in parts), Decimal()))
    return fields


def _base(item: Any) -> Decimal:
    """W or Wh, exactly."""
    if item is None:
        return Decimal()
    if item.value is None or item.unit not in SCALE:
        raise ValueError(f"{item.value} {item.unit} is no power and no energy")
    return Decimal(item.value) * SCALE[item.unit]


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def _instant(text: str | None) -> str:
    """RFC 3339 in UTC of `YYMMDDhhmmssX`, where X tells summer time (+02:00) from winter time (+01:00), whatever the date."""
    if text is None or text[12:] not in OFFSET:
        raise ValueError(f"{text} is no time that says S or W")
    local = datetime.strptime(text[:12], "%y%m%d%H%M%S").replace(tzinfo=OFFSET[text[12:]])
    return local.astimezone(UTC).isoformat().replace("+00:00", "Z")
