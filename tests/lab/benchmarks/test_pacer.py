"""The pacer of the load."""

from collections import Counter

from lab.benchmarks.pacer import SLOT_S, SLOTS, Pacer


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def paced(members: int) -> tuple[Pacer, Clock, "Counter[int]"]:
    clock, send_frames = Clock(), Counter[int]()
    pacer = Pacer(clock)
    for member in range(members):
        pacer.join(lambda now, member=member: send_frames.update([member]))  # type: ignore[misc]  # a default binds it
    pacer.begin()
    return pacer, clock, send_frames


def test_every_member_is_called_every_20_ms() -> None:
    pacer, clock, send_frames = paced(25)
    for slot in range(SLOTS * 5):
        clock.now = 100.0 + slot * SLOT_S + 1e-9
        pacer.run_due()
    assert send_frames == Counter(dict.fromkeys(range(25), 5))


def test_late_calls_are_made_up_for_and_measured() -> None:
    pacer, clock, send_frames = paced(SLOTS)
    clock.now = 100.0 + 0.0399
    wait = pacer.run_due()
    assert send_frames == Counter(dict.fromkeys(range(SLOTS), 2))
    assert round(max(pacer.lags), 4) == 0.0399
    assert 0 < wait <= SLOT_S


def test_no_member_is_called_early() -> None:
    pacer, _, send_frames = paced(SLOTS)
    pacer.run_due()
    pacer.run_due()
    assert sum(send_frames.values()) == 1
