"""What is asked of DynamoDB so that nothing stored ever goes back, and what a refusal means; pure.

A total is put whole under a condition on its version (epoch, offset). A live reading is an update of the values that the reading has:
its newest value under a condition on the version (at, offset), older ones under one on their own instant as well.
After an erase nothing of before it is written any more, whatever its instants: its item remembers which records are of before.
Either refusal brings the stored item.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from dynamodb.errors import ItemRejected, LogsMixed, Retired, StoreBusy
from dynamodb.items import LIVE, LIVE_VALUES, NoItem, live_from_item, number
from metering.live import Live
from metering.total import Total

if TYPE_CHECKING:
    from dynamodb.items import Item

Request = dict[str, Any]
_LATER_TOTAL: Final = "attribute_not_exists(pk) OR #e < :e OR (#e = :e AND #o < :o)"
_LATER_LIVE: Final = "(attribute_not_exists(#a) OR #a < :a OR (#a = :a AND #o < :o))"
_NOT_ERASED: Final = "(attribute_not_exists(#b) OR #be < :be OR (#be = :be AND #b < :{}))"


def put_total(item: Item) -> Request:
    """A PutItem of this total's item, without the table's name."""
    return {
        "Item": item,
        "ConditionExpression": _LATER_TOTAL,
        "ExpressionAttributeNames": {"#e": "e", "#o": "o"},
        "ExpressionAttributeValues": {":e": item["e"], ":o": item["o"]},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def judge_total(total: Total, partition: int, stored: Item | None) -> None:
    """Decides why a total was refused. Returns if it is done: something later is stored, or it was stored itself and the answer was lost.

    Raises Retired, LogsMixed; StoreBusy if the item has gone meanwhile; ItemRejected if something else has its key.
    """
    if not stored:
        raise StoreBusy("a total was refused without the stored item")
    try:
        epoch, stored_partition = int(stored["e"]["N"]), int(stored["p"]["N"])
    except KeyError:
        raise ItemRejected("the item stored under its key is no total") from None
    if epoch > total.epoch:
        raise Retired(f"epoch {epoch} is stored in DynamoDB, this worker writes epoch {total.epoch}: a newer generation has taken over")
    if stored_partition != partition:
        raise LogsMixed(
            f"a total of epoch {epoch} came from partition {partition}, but is stored from partition {stored_partition}: "
            "two logs are mixed under one epoch; a new WATTFALL_EPOCH would do"
        )


class LiveUpdate(NamedTuple):
    """What of a live reading is still to be written: `live`, with its erase unless that is there already, and whether it leads, that is, brings the
    newest instant of all."""

    live: Live
    leads: bool = True


def update_live(update: LiveUpdate, until_s: int) -> Request:
    """An UpdateItem, without the table's name, that sets the values which the reading has and leaves the others; after an erase none is left.

    An item without any may be deleted from `until_s` (epoch s) on.
    """
    return erase_live(update.live, until_s) if update.live.erased >= 0 else set_live(update)


def erase_live(live: Live, until_s: int) -> Request:
    """The update of an erase, with the values of after it."""
    given = live._asdict()
    sets = {"b": live.erased, "be": live.epoch}
    for field, field_at, name, name_at in LIVE_VALUES:
        if given[field_at] is not None:
            sets |= {"a": live.at, "o": live.offset, name: given[field], name_at: given[field_at]}
    sets |= {} if "a" in sets else {"ttl": until_s}
    everything = {"a", "o", "ttl", *(name for pair in LIVE_VALUES for name in pair[2:])}
    gone = sorted(everything - sets.keys())
    return {
        "Key": {"pk": {"S": live.device}, "sk": {"S": LIVE}},
        "UpdateExpression": f"SET {', '.join(f'#{name} = :{name}' for name in sets)} REMOVE {', '.join(f'#{name}' for name in gone)}",
        "ConditionExpression": _NOT_ERASED.format("b"),
        "ExpressionAttributeNames": {f"#{name}": name for name in (*sets, *gone)},
        "ExpressionAttributeValues": {f":{name}": number(value) for name, value in sets.items()},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def set_live(update: LiveUpdate) -> Request:
    """The update of a reading, whose records all came after whatever erase is stored."""
    live, leads = update
    given = live._asdict()
    values: Request = {}
    names: dict[str, str] = {"#a": "a"}
    conditions: list[str] = []
    if leads:
        names["#o"] = "o"
        values[":a"] = number(live.at)
        conditions.append(_LATER_LIVE)
    else:
        conditions.append("attribute_exists(#a)")
    for field, field_at, name, name_at in LIVE_VALUES:
        if given[field_at] is None:
            continue
        names.update({f"#{name}": name, f"#{name_at}": name_at})
        values.update({f":{name}": number(given[field]), f":{name_at}": number(given[field_at])})
        if not leads or given[field_at] < live.at:
            conditions.append(f"(attribute_not_exists(#{name_at}) OR #{name_at} {'<=' if leads else '<'} :{name_at})")
    sets = ", ".join(f"{name} = :{name[1:]}" for name in names if leads or name != "#a")
    return {
        "Key": {"pk": {"S": live.device}, "sk": {"S": LIVE}},
        "UpdateExpression": f"SET {sets} REMOVE #ttl",
        "ConditionExpression": " AND ".join([*conditions, _NOT_ERASED.format("o")]),
        "ExpressionAttributeNames": names | {"#b": "b", "#be": "be", "#ttl": "ttl"},
        "ExpressionAttributeValues": values | {":o": number(live.offset), ":be": number(live.epoch)},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def judge_live(update: LiveUpdate, stored: Item | None) -> LiveUpdate | None:
    """What is left to be written after a refusal: the values that are newer than the stored ones; None when there are none: done.

    Raises StoreBusy if the item has gone meanwhile, ItemRejected if something else has its key.
    """
    if not stored:
        raise StoreBusy("a live reading was refused without the stored item")
    live = update.live
    if live.erased >= 0:  # it was refused for one reason only: that erase is there, or a later one
        return LiveUpdate(live._replace(erased=-1)) if live.at >= 0 else None
    if "b" in stored and (int(stored["be"]["N"]), int(stored["b"]["N"])) >= (live.epoch, live.offset):
        return None
    if "b" in stored and "a" not in stored:
        return LiveUpdate(live)
    try:
        held = live_from_item(stored)
    except NoItem:
        raise ItemRejected("the item stored under its key is no live reading") from None
    leads = update.leads and update.live.version > held.version
    given, kept = update.live._asdict(), held._asdict()
    for field, field_at, _, _ in LIVE_VALUES:
        at, held_at = given[field_at], kept[field_at]
        if at is not None and held_at is not None and (at < held_at or at == held_at and not leads):
            given[field] = given[field_at] = None
    if all(given[field_at] is None for _, field_at, _, _ in LIVE_VALUES):
        return None
    return LiveUpdate(Live(**given), leads)
