"""The one clock of the load."""

from collections import Counter

from benchmarks.pacer import SLOT_S, SLOTS, Pacer


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def paced(members: int) -> tuple[Pacer, Clock, "Counter[int]"]:
    clock, beats = Clock(), Counter[int]()
    pacer = Pacer(clock)
    for member in range(members):
        pacer.join(lambda now, member=member: beats.update([member]))  # type: ignore[misc]  # a default binds it
    pacer.begin()
    return pacer, clock, beats


def test_every_member_beats_once_in_20_ms() -> None:
    pacer, clock, beats = paced(25)
    for slot in range(SLOTS * 5):
        clock.now = 100.0 + slot * SLOT_S + 1e-9
        pacer.run_due()
    assert beats == Counter(dict.fromkeys(range(25), 5))


def test_late_beats_are_made_up_for_and_told() -> None:
    pacer, clock, beats = paced(SLOTS)
    clock.now = 100.0 + 0.0399
    wait = pacer.run_due()
    assert beats == Counter(dict.fromkeys(range(SLOTS), 2))
    assert round(max(pacer.lags), 4) == 0.0399
    assert 0 < wait <= SLOT_S


def test_nothing_beats_before_its_time() -> None:
    pacer, _, beats = paced(SLOTS)
    pacer.run_due()
    pacer.run_due()
    assert sum(beats.values()) == 1
