"""What can be wrong with a reading: the closed list, and the one exception that carries it.

ValueError
└── RejectedReading      dead letter: it can never be counted, never retry
"""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why a message or an element of it is rejected; in the order in which they are checked.

    `meaning` is what docs/metering.md says of it; `python -m docs.generate` writes it there.
    """

    SIZE = "size", "The message is larger than 1 MiB, or has more than 10,000 elements."
    JSON_SYNTAX = "json.syntax", "Not JSON in UTF-8: also an empty value, NaN, infinity or a lone surrogate."
    JSON_SHAPE = "json.shape", "Not one object, a key twice, nested deeper than 4, or an integer beyond ±2⁵³."
    DEVICE_INVALID = "device.invalid", "`device` is not 1 to 128 of `A-Z a-z 0-9 . _ : -`."
    DEVICE_MISMATCH = "device.mismatch", "`device` is not the record's key."
    PARTITION_MISMATCH = "partition.mismatch", "The record is not in the partition that Kafka's own partitioner (murmur2) gives its key."
    ARRAY_LENGTH = "array.length", "Arrays of different lengths or without an element, or `at` is no array beside others that are."
    AT_MISSING = "at.missing", "`at` is absent or null."
    AT_INVALID = "at.invalid", "`at` is neither an RFC 3339 date and time nor an integer of milliseconds."
    AT_NAIVE = "at.naive", "`at` has no offset from UTC."
    AT_FUTURE = "at.future", "`at` (and `for_s` after it) is more than 5 minutes after the record's Kafka timestamp."
    AT_PAST = "at.past", "`at` is before 2000."
    VALUE_TYPE = "value.type", "A value is not a number: text, true, false, an object, an array within an array."
    VALUE_MISSING = "value.missing", "None of `power_w`, `import_wh`, `export_wh`, `energy_wh`."
    VALUE_CONFLICT = "value.conflict", "`energy_wh` with `power_w` or without `for_s`; `for_s` with neither."
    VALUE_RANGE = (
        "value.range",
        "A power or an `energy_wh`'s mean power beyond the limit; a register outside 0 … 10¹² Wh; `for_s` outside 0.001 … 86,400 s.",
    )
    SINK_REJECTED = (
        "sink.rejected",
        "A total or live reading, on its way out, that DynamoDB will never store.",
    )

    meaning: str

    def __new__(cls, reason: str, meaning: str) -> Reason:
        """A member is its reason; an explanation belongs to it."""
        member = str.__new__(cls, reason)
        member._value_ = reason
        member.meaning = meaning
        return member


class RejectedReading(ValueError):
    """A reading that can never be counted.

    `reason` is for machines, `detail` for people: at most 256 characters, names the field and the rule, never the payload's text.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail[:256]
