"""How a total and a live reading look as DynamoDB items; pure, and the only place that knows the attributes' short names.

Key: `pk` the device, `sk` the grain and the period, so that one Query is one view:

    H#2026-10-24T22:00Z     an hour: the UTC instant of the *local* hour's start; the repeated hour of autumn is two items
    D#2026-10-25            a day: the local date
    M#2026-10               a month
    L                       the live reading

A total. What is 0 or does not exist is left out (what is always there is marked *):

    i   x       import_mwh, export_mwh: the energy that counts         m       method: r register, p power, m mixed
    ii  ix      integral_import_mwh, integral_export_mwh               l  h    power_min_mw, power_max_mw
    ei  ex      estimated_import_mwh, estimated_export_mwh             t       power_max_at, ms
    ui  ux      unbooked_import_mwh, unbooked_export_mwh               n  c    readings, covered_ms
    f   z       first_at, last_at, ms                                  g  k    glitches, resets
    e*  o*      epoch, offset: the version                             r       reflects, where it is not the offset
    p*          the partition of the topic that the offset belongs to
    s   d       start in epoch s (days and months; an hour's is in sk), length in s (hours: where it is not 3,600)
    ttl         when DynamoDB may delete it, epoch s: hours, and whatever holds nothing any more

A live reading: each value with the instant it is of, ms; absent until there is one.

    a*  o*      the newest of the three instants, and the offset: the version
    w   wa      power_mw, power_at
    i   ia      import_mwh, import_at
    x   xa      export_mwh, export_at
    b   be      the device's newest erase: its offset, and the epoch of the sink that met it; the rest is of after it, or nothing
    ttl         where there is nothing else: when DynamoDB may delete it, epoch s

An ordinary hour is 100 to 165 bytes, so that the 25 of the longest day are within 4 KB: half a read unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from metering.live import Live
from metering.period import Calendar
from metering.total import Grain, Method, Total

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    Item = Mapping[str, AttributeValueTypeDef]

PREFIX: Final = {Grain.HOUR: "H#", Grain.DAY: "D#", Grain.MONTH: "M#"}
LIVE: Final = "L"
_HOUR_S: Final = 3600
_INSTANT: Final = "%Y-%m-%dT%H:%MZ"

_ADDING: Final = {
    "import_mwh": "i",
    "export_mwh": "x",
    "integral_import_mwh": "ii",
    "integral_export_mwh": "ix",
    "estimated_import_mwh": "ei",
    "estimated_export_mwh": "ex",
    "unbooked_import_mwh": "ui",
    "unbooked_export_mwh": "ux",
    "readings": "n",
    "covered_ms": "c",
    "glitches": "g",
    "resets": "k",
}
"""Absent is 0."""
_EXISTING: Final = {"power_min_mw": "l", "power_max_mw": "h", "power_max_at": "t", "first_at": "f", "last_at": "z"}
"""Absent is None; 0 is written."""
_METHODS: Final = {Method.REGISTER: "r", Method.POWER: "p", Method.MIXED: "m"}
_METHOD_OF: Final = {letter: method for method, letter in _METHODS.items()}
LIVE_VALUES: Final = (("power_mw", "power_at", "w", "wa"), ("import_mwh", "import_at", "i", "ia"), ("export_mwh", "export_at", "x", "xa"))
"""Field and its instant's, attribute and its instant's."""
EMPTY_KEPT_S: Final = 7 * 86_400
"""An item that holds nothing is kept for so long: longer than anybody may hold an older one that is not written yet."""


class NoItem(ValueError):
    """An item that this mapping did not write: somebody else's table, or a later version's."""


def number(value: int) -> AttributeValueTypeDef:
    """An integer as DynamoDB takes it."""
    return {"N": str(value)}


def sort_key(grain: Grain, start_s: int, calendar: Calendar) -> str:
    """The `sk` of the period of this grain that begins at `start_s`, epoch s."""
    if grain is Grain.HOUR:
        return PREFIX[grain] + datetime.fromtimestamp(start_s, UTC).strftime(_INSTANT)
    day = calendar.date(start_s).isoformat()
    return PREFIX[grain] + (day if grain is Grain.DAY else day[:7])


def between(grain: Grain, start_s: int, end_s: int, calendar: Calendar) -> tuple[str, str]:
    """The first and last `sk` of the periods of this grain that lie in or reach into `[start_s, end_s)`, epoch s, start < end."""
    first = calendar.hour(start_s * 1000)[0] // 1000 if grain is Grain.HOUR else start_s
    return sort_key(grain, first, calendar), sort_key(grain, end_s - 1, calendar)


def total_to_item(total: Total, partition: int, calendar: Calendar, keep_hours_s: int) -> dict[str, AttributeValueTypeDef]:
    """The whole item of a total, which came from this partition; an hour may be deleted `keep_hours_s` after its end."""
    item: dict[str, AttributeValueTypeDef] = {"pk": {"S": total.device}, "sk": {"S": sort_key(total.grain, total.start, calendar)}}
    fields = total._asdict()
    item.update({name: number(fields[field]) for field, name in _ADDING.items() if fields[field] != 0})
    item.update({name: number(fields[field]) for field, name in _EXISTING.items() if fields[field] is not None})
    item.update(e=number(total.epoch), o=number(total.offset), p=number(partition))
    if total.method is not None:
        item["m"] = {"S": _METHODS[total.method]}
    if total.reflects != total.offset:
        item["r"] = number(total.reflects)
    if total.grain is not Grain.HOUR:
        item["s"] = number(total.start)
    if total.grain is not Grain.HOUR or total.end - total.start != _HOUR_S:
        item["d"] = number(total.end - total.start)
    if total.grain is Grain.HOUR:
        item["ttl"] = number(total.end + keep_hours_s)
    return item


def mortal(item: Item, until_s: int) -> dict[str, AttributeValueTypeDef]:
    """The same item, which DynamoDB may delete from an instant on, epoch s, or earlier if it said so already."""
    return {**item, "ttl": number(min(until_s, int(item["ttl"]["N"])) if "ttl" in item else until_s)}


def total_from_item(item: Item) -> Total:
    """The inverse of `total_to_item`, all fields the same. Raises NoItem."""
    try:
        values = _plain(item)
        grain = next(grain for grain, prefix in PREFIX.items() if values["sk"].startswith(prefix))
        start = _instant(values["sk"][2:]) if grain is Grain.HOUR else values["s"]
        measured: dict[str, Any] = {field: values.get(name, 0) for field, name in _ADDING.items()}
        measured.update((field, values.get(name)) for field, name in _EXISTING.items())
        return Total(
            device=values["pk"],
            grain=grain,
            start=start,
            end=start + values.get("d", _HOUR_S),
            method=_METHOD_OF[values["m"]] if "m" in values else None,
            epoch=values["e"],
            offset=values["o"],
            reflects=values.get("r", values["o"]),
            **measured,
        )
    except (KeyError, ValueError, TypeError, AttributeError, StopIteration) as error:
        raise NoItem(f"no total: {error!r}") from error


def live_from_item(item: Item) -> Live:
    """The live reading in an item. Raises NoItem."""
    try:
        values = _plain(item)
        found: dict[str, Any] = {field: values.get(name) for pair in LIVE_VALUES for field, name in zip(pair[:2], pair[2:], strict=True)}
        live = Live(device=values["pk"], offset=values["o"], **found)
        if live.at != values["a"]:
            raise ValueError(f"newest instant {live.at}, but a = {values['a']}")
        return live
    except (KeyError, ValueError, TypeError) as error:
        raise NoItem(f"no live reading: {error!r}") from error


def _plain(item: Item) -> dict[str, Any]:
    """Numbers as int, strings as str; other types are none of ours."""
    return {name: int(value["N"]) if "N" in value else value["S"] for name, value in item.items()}


def _instant(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())
