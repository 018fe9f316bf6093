"""What waits, what flies and what is safe, and how fast; drawn step by step. tests/unit/test_pending_machine.py tries all orders of such steps."""

from __future__ import annotations

import pytest

from dynamodb.pace import LONGEST_S, SHORTEST_S, Pace
from dynamodb.pending import Pending, Slot
from dynamodb.writes import TotalWrite, Write
from tests.sample_totals import hour_total

A, B = "a", "b"


def write(device: str, offset: int) -> Write:
    return TotalWrite(hour_total(device=device, offset=offset), 0)


def offer(pending: Pending, end: int, *writes: Write) -> None:
    lane = pending.lane(0)
    for each in writes:
        assert pending.put(lane, each)
    lane.positions.reach(end)


def fly(pending: Pending, device: str) -> tuple[Slot, Write]:
    (slot,) = [slot for slot in pending.waiting() if slot.key == write(device, 0).key]
    taken = pending.take(slot)
    assert taken is not None
    return slot, taken


def test_nothing_is_safe_before_anything_was_offered() -> None:
    assert Pending(10).safe_position(0) is None


def test_an_empty_batch_is_safe_at_once() -> None:
    pending = Pending(10)
    offer(pending, 7)
    assert pending.safe_position(0) == 7


def test_a_replaced_total_keeps_its_old_batch_owed_until_the_newer_is_stored() -> None:
    # batches:   …10)  [10…20)  [20…30)
    # key a:      a1      a2
    # key b:                       b
    pending = Pending(10)
    offer(pending, 10, write(A, 1))
    assert pending.safe_position(0) is None  # the first batch's start is not known
    offer(pending, 20, write(A, 2))
    offer(pending, 30, write(B, 3))
    slot, taken = fly(pending, A)
    assert taken == write(A, 2)
    assert pending.safe_position(0) is None
    pending.done(slot)
    assert pending.safe_position(0) == 20
    slot, _ = fly(pending, B)
    pending.done(slot)
    assert pending.safe_position(0) == 30
    assert len(pending) == 0


def test_what_comes_during_a_flight_is_owed_from_its_own_batch() -> None:
    pending = Pending(10)
    offer(pending, 10)
    offer(pending, 20, write(A, 1))
    slot, _ = fly(pending, A)
    offer(pending, 30, write(A, 2))
    assert pending.waiting() == []  # one write in flight a key
    assert pending.safe_position(0) == 10
    pending.done(slot)
    assert pending.safe_position(0) == 20
    _, taken = fly(pending, A)
    assert taken == write(A, 2)


def test_a_failed_flight_gives_way_to_the_newer_but_stays_owed() -> None:
    pending = Pending(10)
    offer(pending, 10)
    offer(pending, 20, write(A, 1))
    slot, _ = fly(pending, A)
    offer(pending, 30, write(A, 2))
    pending.back(slot)
    assert pending.safe_position(0) == 10
    slot, taken = fly(pending, A)
    assert taken == write(A, 2)
    pending.done(slot)
    assert pending.safe_position(0) == 30


def test_an_older_version_never_takes_a_newer_ones_place() -> None:
    pending = Pending(10)
    offer(pending, 10, write(A, 5), write(A, 3))
    assert fly(pending, A)[1] == write(A, 5)


def test_only_new_keys_need_room() -> None:
    pending = Pending(1)
    lane = pending.lane(0)
    assert pending.put(lane, write(A, 1))
    assert not pending.put(lane, write(B, 1))
    assert pending.put(lane, write(A, 2))
    assert pending.full


def test_a_dropped_partition_is_forgotten_and_begins_anew() -> None:
    pending = Pending(2)
    offer(pending, 10, write(A, 1), write(B, 1))
    slot, _ = fly(pending, A)
    lane = pending.lane(0)
    pending.drop(0)
    assert (len(pending), pending.waiting(), pending.safe_position(0)) == (0, [], None)
    assert pending.put(lane, write(B, 2))  # an offer that was still under way: into nothing
    assert len(pending) == 0
    offer(pending, 20, write(A, 2))
    pending.done(slot)
    assert pending.safe_position(0) is None
    assert len(pending) == 1


def test_a_burst_of_refusals_is_one_pause() -> None:
    pace = Pace(16)
    for _ in range(16):
        pace.busy(asked=0.0, now=0.001, jitter=1.0)
    assert pace.limit == 8
    assert pace.wait(0.001) == SHORTEST_S
    assert pace.wait(0.001 + SHORTEST_S) == 0.0


def test_pauses_double_to_two_seconds_and_concurrency_halves_to_one() -> None:
    pace, now, pauses = Pace(16), 0.0, []
    for _ in range(8):
        pace.busy(asked=now, now=now, jitter=1.0)
        pauses.append(round(pace.wait(now), 3))
        now += pace.wait(now)
    assert pauses == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, LONGEST_S, LONGEST_S]
    assert pace.limit == 1


def test_jitter_never_shortens_a_pause_below_half() -> None:
    pace = Pace(4)
    pace.busy(asked=0.0, now=0.0, jitter=0.0)
    assert pace.wait(0.0) == SHORTEST_S / 2


def test_concurrency_creeps_back_and_the_next_pause_is_short_again() -> None:
    pace = Pace(4)
    pace.busy(asked=0.0, now=0.0, jitter=1.0)
    pace.busy(asked=1.0, now=1.0, jitter=1.0)
    assert pace.limit == 1
    limits = []
    for _ in range(10):
        pace.answered()
        limits.append(pace.limit)
    assert limits == [2, 2, 3, 3, 3, 4, 4, 4, 4, 4]
    pace.busy(asked=9.0, now=9.0, jitter=1.0)
    assert pace.wait(9.0) == pytest.approx(SHORTEST_S)


def test_a_longer_wait_is_respected() -> None:
    pace = Pace(4)
    pace.busy(asked=0.0, now=0.0, jitter=1.0, at_least=30.0)
    assert pace.wait(10.0) == 20.0
