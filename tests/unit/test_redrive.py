"""What is sent again, and as what: by the headers alone, without a Kafka."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import pytest

from agents.redrive import COUNT, FROM, PIECE_BYTES, Erased, Fate, Judge, Judged, Tally, erases, marks, pieces
from agents.redrive_asked import Asked, Fix, check_marks, reasons, since
from metering.errors import Reason
from metering.partition import partition_of
from settings.environ import SettingError
from streams.checkpoint import WHOLE_BYTES, original
from streams.erasure import HEADER
from streams.fold import Refusal

DAY_MS = 86_400_000
PARTITIONS = 4


@dataclass
class Read:
    """A record as a consumer gives it."""

    key: bytes | None = b"home"
    value: bytes | None = b"{}"
    headers: tuple[tuple[str, bytes], ...] = ()
    offset: int = 5
    timestamp: int = 0


def refused(record: Read, reason: Reason | None = Reason.VALUE_MISSING, *, topic: str = "readings", index: str | None = None) -> Read:
    """What a hop makes of a record that it reads in partition 1, as it is read again from the topic rejected or late."""
    key, value, headers = original(topic, 1, Refusal(record, reason, "why", index))
    return Read(key, value, tuple(headers), offset=99)


def judge(before: set[bytes] | None = None, wanted: tuple[str, ...] = (), fix: str | None = None) -> Judge:
    return Judge("readings", PARTITIONS, set() if before is None else before, wanted, Fix(fix) if fix else None)


def sent(record: Read, by: Judge | None = None) -> tuple[int, bytes | None, bytes | None, list[tuple[str, bytes]]]:
    judged = (by or judge())(record)
    assert judged is not None and judged.fate is Fate.SENT and judged.message is not None
    return judged.partition, *judged.message


def fate(record: Read, by: Judge | None = None) -> Fate:
    judged = (by or judge())(record)
    assert judged is not None and (judged.message is not None) is (judged.fate is Fate.SENT)
    return judged.fate


class TestTheOriginal:
    def test_is_made_again_with_its_own_headers_and_two_of_ours(self) -> None:
        own = (("gateway", b"7"), ("reason", b"his own"), ("empty", b""))
        record = refused(Read(b"home", b"\xffbad", own), index="0-3")
        assert sent(record) == (partition_of(b"home", 4), b"home", b"\xffbad", [*own, (COUNT, b"1"), (FROM, b"readings/1/5")])

    def test_that_has_no_key_goes_where_it_was(self) -> None:
        assert sent(refused(Read(None, None)))[:3] == (1, None, None)

    def test_goes_where_kafka_puts_the_key_that_the_fix_gave_it(self) -> None:
        by = judge(fix="tests.fixes:upper")
        assert sent(refused(Read(b"a")), by)[:2] == (partition_of(b"A", PARTITIONS), b"A")
        assert partition_of(b"A", PARTITIONS) != partition_of(b"a", PARTITIONS)

    def test_that_was_kept_in_part_only_is_left(self) -> None:
        assert fate(refused(Read(value=bytes(WHOLE_BYTES + 1)), Reason.SIZE)) is Fate.CUT


class TestAMessageIsSentAgainOnce:
    def test_though_it_was_refused_for_two_reasons(self) -> None:
        by = judge()
        assert fate(refused(Read(), Reason.VALUE_MISSING, index="0"), by) is Fate.SENT
        assert fate(refused(Read(), Reason.AT_PAST, index="1"), by) is Fate.BEFORE

    def test_though_it_was_both_rejected_and_late(self) -> None:
        by = judge()
        assert fate(refused(Read(), None), by) is Fate.SENT
        assert fate(refused(Read()), by) is Fate.BEFORE

    def test_and_what_it_became_tells_the_next_run(self) -> None:
        *_, headers = sent(refused(Read()))
        before = set(marks([Read(), Read(headers=(("other", b"readings/1/6"),)), Read(headers=tuple(headers))]))
        assert before == {b"readings/1/5"}
        assert fate(refused(Read()), judge(before)) is Fate.BEFORE
        assert fate(refused(Read(offset=6)), judge(before)) is Fate.SENT

    def test_but_what_the_fix_passes_over_may_be_asked_for_again(self) -> None:
        before: set[bytes] = set()
        assert fate(refused(Read()), judge(before, fix="tests.fixes:spelling")) is Fate.PASSED
        assert fate(refused(Read()), judge(before)) is Fate.SENT


class TestWhatIsRefusedAgain:
    def test_is_sent_three_times_in_all(self) -> None:
        record, counts = Read(headers=(("own", b"1"),)), []
        for offset in (5, 6, 7, 8):
            again = refused(replace(record, offset=offset))
            judged = judge()(again)
            assert judged is not None
            if judged.message is None:
                assert judged.fate is Fate.OFTEN
                break
            key, value, headers = judged.message
            assert headers[0] == ("own", b"1") and [name for name, _ in headers[1:]] == [COUNT, FROM]
            counts.append(dict(headers))
            record = Read(key, value, tuple(headers))
        assert [one[COUNT] for one in counts] == [b"1", b"2", b"3"]
        assert [one[FROM] for one in counts] == [b"readings/1/5", b"readings/1/6", b"readings/1/7"]

    @pytest.mark.parametrize(("said", "counted"), [(b"", 1), (b"x", 1), (b"-3", 1), ("²".encode(), 1), (b"9" * 12, 1), (b"02", 3)])
    def test_counts_on_from_a_number_only(self, said: bytes, counted: int) -> None:
        *_, headers = sent(refused(Read(headers=((COUNT, said),))))
        assert dict(headers)[COUNT] == b"%d" % counted


class TestWhoIsAskedFor:
    def test_those_of_the_reasons_given_or_all(self) -> None:
        records = [refused(Read(offset=offset), reason) for offset, reason in enumerate((Reason.SIZE, Reason.AT_PAST, Reason.VALUE_TYPE))]
        found = [[judged.reason for one in records if (judged := judge(wanted=wanted)(one))] for wanted in ((), ("at.past", "size"))]
        assert found == [["size", "at.past", "value.type"], ["size", "at.past"]]

    @pytest.mark.parametrize("topic", ["hours", "other-readings", "a/readings"])
    def test_nothing_that_was_refused_elsewhere(self, topic: str) -> None:
        assert fate(refused(Read(), topic=topic)) is Fate.ELSEWHERE

    @pytest.mark.parametrize("source", [b"dynamodb", b"readings/1", b"readings/1/x", "readings/1/²".encode(), b"readings/1/2\n"])
    def test_nothing_whose_source_is_no_place(self, source: bytes) -> None:
        assert fate(Read(headers=(("reason", b"sink.rejected"), ("detail", b""), ("source", source)))) is Fate.ELSEWHERE

    def test_nothing_that_somebody_else_wrote(self) -> None:
        assert fate(Read(headers=(("source", b"readings/1/5"),))) is Fate.ELSEWHERE


class TestAFix:
    def test_mends_key_and_value(self) -> None:
        by = judge(fix="tests.fixes:spelling")
        _, key, value, headers = sent(refused(Read(value=b'{"powr_w": 1}', headers=(("own", b"1"),))), by)
        assert (key, value, headers[0]) == (b"home", b'{"power_w": 1}', ("own", b"1"))

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("spelling", "ValueError: wanted is MODULE:FUNCTION"),
            (":", "ValueError: wanted is MODULE:FUNCTION"),
            ("tests.no_such:spelling", "ModuleNotFoundError: No module named 'tests.no_such'"),
            ("tests.fixes:speling", "AttributeError: module 'tests.fixes' has no attribute 'speling'"),
            ("tests.fixes:NOT_A_FUNCTION", "TypeError: NOT_A_FUNCTION is no function"),
        ],
    )
    def test_that_cannot_be_had_is_one_line(self, text: str, said: str) -> None:
        with pytest.raises(SettingError) as raised:
            Fix(text)
        assert str(raised.value).startswith(f"--fix={text!r}: {said}") and "\n" not in str(raised.value)

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("raising", "LookupError: nothing of the kind"),
            ("text", "TypeError: a fix returns a pair of key and value, each bytes or None, or None"),
            ("huge", "ValueError: a message of 2,097,156 bytes is too large"),
        ],
    )
    def test_that_goes_wrong_is_one_line_with_the_place(self, name: str, said: str) -> None:
        with pytest.raises(SettingError) as raised:
            judge(fix=f"tests.fixes:{name}")(refused(Read()))
        assert str(raised.value) == f"--fix='tests.fixes:{name}' at readings/1/5: {said}"


class TestWhatAPersonTypes:
    def test_a_date_begins_in_the_zone_and_an_instant_has_an_offset(self) -> None:
        assert since("2026-03-29", "Europe/Amsterdam") == 1_774_738_800_000
        assert since("2026-03-29T00:00:00+01:00", "Asia/Tokyo") == 1_774_738_800_000
        assert since("1900-01-01T00:00:00Z", "Asia/Tokyo") == 0

    @pytest.mark.parametrize("text", ["yesterday", "2026-02-30", "2026-03-29T00:00:00", ""])
    def test_a_time_that_is_none_is_one_line(self, text: str) -> None:
        with pytest.raises(SettingError, match=r"^--since='.*': .*wanted is a local date[^\n]*$"):
            since(text, "Europe/Amsterdam")

    def test_a_reason_is_one_of_the_list_and_late_has_none(self) -> None:
        assert reasons(["size", "at.past"], late=False) == ["size", "at.past"]
        for text in ("late", "SIZE", "sink.rejected"):
            with pytest.raises(SettingError, match=r"must be one of: size, json\.syntax, "):
                reasons([text], late=False)
        with pytest.raises(SettingError, match="leave it out"):
            reasons(["size"], late=True)

    def test_all_of_it_together(self) -> None:
        asked = Asked.of("UTC", late=False, reason=["size"], start="1970-01-02T00:00:00Z", fix=None, dry_run=True)
        assert asked == Asked(False, ["size"], DAY_MS, None, True)

    def test_no_time_before_which_readings_may_be_gone(self) -> None:
        """Else what was sent again then would not be found, and be sent once more."""
        now, hour = 100 * DAY_MS, DAY_MS // 24
        check_marks(0, now, -1, "readings")
        check_marks(32 * DAY_MS + 2 * hour, now, 68 * DAY_MS, "readings")
        with pytest.raises(SettingError, match=r"the earliest that will do is 1970-02-02T02:00:00\+00:00$"):
            check_marks(32 * DAY_MS + 2 * hour - 1, now, 68 * DAY_MS, "readings")


class TestWhatIsSentAtAStretch:
    def test_is_bounded_in_bytes_and_all_of_it_in_order(self) -> None:
        third = bytes(PIECE_BYTES // 3)
        judged = [Judged("size", str(at), Fate.SENT, 0, (b"k", third, [("own", third)] if at == 4 else [])) for at in range(7)]
        judged.insert(1, Judged("size", "passed", Fate.PASSED))
        found = list(pieces(judged))
        assert [one for piece in found for one in piece] == judged
        assert [len(piece) for piece in found] == [4, 2, 2]
        assert list(pieces([])) == []


class TestTheSummary:
    def test_of_nothing(self) -> None:
        assert Tally().lines("rejected", dry_run=False) == ["rejected: 0 in all: nothing to send"]

    def test_by_reason_and_in_all(self) -> None:
        tally = Tally()
        tally.add([Judged("size", "readings/0/1", Fate.CUT), *(Judged("at.past", f"readings/0/{at}", Fate.SENT) for at in range(4))])
        tally.add([Judged("at.past", "readings/0/9", Fate.BEFORE), Judged("at.past", "readings/0/10", Fate.OFTEN)])
        assert tally.lines("rejected", dry_run=False) == [
            "rejected: at.past: 1 sent before, 1 sent three times already, 4 sent",
            "rejected: size: 1 not whole here (too large)",
            "rejected: 7 in all: 1 sent before, 1 sent three times already, 1 not whole here (too large), 4 sent",
        ]
        assert tally.lines("rejected", dry_run=True)[0] == (
            "rejected: at.past: 1 sent before, 1 sent three times already, 4 would be sent: readings/0/0, readings/0/1, readings/0/2, …"
        )


class TestWhatWasErased:
    ERASES: ClassVar = {b"home": Erased(1, 6, 1_000)}

    def test_is_not_sent_again(self) -> None:
        by = Judge("readings", PARTITIONS, set(), erases=self.ERASES)
        assert fate(refused(Read(offset=5)), by) is Fate.ERASED
        assert fate(refused(Read(offset=7)), by) is Fate.SENT
        assert fate(refused(Read(b"shed", offset=5)), by) is Fate.SENT

    def test_is_told_by_its_time_where_it_lay_in_another_partition(self) -> None:
        by = Judge("readings", PARTITIONS, set(), erases={b"home": Erased(3, 6, 1_000)})
        assert fate(replace(refused(Read(offset=5)), timestamp=1_000), by) is Fate.ERASED
        assert fate(replace(refused(Read(offset=4)), timestamp=1_001), by) is Fate.SENT

    def test_is_found_among_the_readings(self) -> None:
        place = partition_of(b"home", PARTITIONS)
        erase = Read(value=None, headers=((HEADER, b"0-0"),), offset=8, timestamp=9)
        assert dict(erases(place, PARTITIONS, [Read(), erase])) == {b"home": Erased(place, 8, 9)}
        assert dict(erases((place + 1) % PARTITIONS, PARTITIONS, [erase])) == {}

    def test_has_left_nothing_to_judge_where_it_was_taken_away(self) -> None:
        assert judge()(Read(refused(Read()).key, None)) is None

    def test_is_never_done_by_a_message_that_is_mended(self) -> None:
        *_, headers = sent(refused(Read(value=None, headers=((HEADER, b"1"), ("own", b"1")))))
        assert [name for name, _ in headers] == ["own", COUNT, FROM]
