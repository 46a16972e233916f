"""Digits: requested and unrequested, type-ahead, time-outs, and digits that must not be published."""

import asyncio
from contextlib import suppress

from media.call.digits import GATHER_MS, TERMINATOR_MS, DigitCollector
from media.tools.collected_digits import DigitRequest
from tests.virtual_time import run_virtual


def collect(
    keys: str, most: int = 16, terminator: str = "#", *, ahead: str = "", digits: DigitCollector | None = None
) -> str | None:
    """Asks for digits and presses a key every 100 ms; returns None if the collection has not ended then."""
    pad = digits or DigitCollector()

    async def scenario() -> str | None:
        for key in ahead:
            pad.press(key, 0)
        task = asyncio.create_task(pad.collect(DigitRequest(most=most, terminator=terminator), 0))
        await asyncio.sleep(0)
        for number, key in enumerate(keys, 1):
            pad.press(key, number * 100)
        await asyncio.sleep(0)
        if task.done():
            return task.result().digits
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        return None

    return run_virtual(scenario())


def test_collection_ends_with_the_last_requested_digit() -> None:
    assert collect("12", most=3) is None
    assert collect("123", most=3) == "123"


def test_collection_ends_with_the_terminator_which_is_not_returned() -> None:
    assert collect("12#") == "12"
    assert collect("#") == ""


def test_without_a_terminator_every_key_counts() -> None:
    assert collect("1#*2", most=4, terminator="") == "1#*2"


def test_digits_pressed_before_the_request_count() -> None:
    assert collect("", ahead="12#") == "12"
    assert collect("3#", ahead="12") == "123"
    assert collect("", most=2, ahead="123") == "12"


def test_terminator_after_the_last_requested_digit_is_ignored() -> None:
    pad = DigitCollector()
    assert collect("1234", most=4, digits=pad) == "1234"
    pad.press("#", 400 + TERMINATOR_MS - 1)
    assert pad.tick(400 + TERMINATOR_MS + GATHER_MS, is_quiet=True) == ""


def test_later_terminator_is_an_ordinary_key() -> None:
    pad = DigitCollector()
    assert collect("1234", most=4, digits=pad) == "1234"
    pad.press("#", 400 + TERMINATOR_MS)
    assert pad.tick(400 + TERMINATOR_MS + GATHER_MS, is_quiet=True) == "#"


def test_only_one_terminator_is_ignored() -> None:
    pad = DigitCollector()
    assert collect("1234", most=4, digits=pad) == "1234"
    pad.press("5", 500)
    pad.press("#", 600)
    assert pad.tick(600 + GATHER_MS, is_quiet=True) == "5#"


def collect_timed(steps: list[tuple[float, str]], agent_speaks_until: float = 0) -> tuple[str | None, float]:
    """Collects with a time-out of 2 s and a tick every 100 ms; returns the result and its time in ms."""
    pad = DigitCollector()

    async def scenario() -> tuple[str | None, float]:
        task = asyncio.create_task(pad.collect(DigitRequest(most=8, first_ms=2_000, next_ms=2_000), 0))
        for moment in range(0, 10_000, 100):
            for at, key in steps:
                if at == moment:
                    pad.press(key, moment)
            pad.tick(moment, is_quiet=moment >= agent_speaks_until)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            if task.done():
                return task.result().digits, moment
        return None, 0

    return run_virtual(scenario())


def test_time_out_returns_what_was_pressed() -> None:
    assert collect_timed([]) == ("", 2_000)
    assert collect_timed([(500, "1"), (1_500, "2")]) == ("12", 3_500)


def test_timeout_does_not_run_while_the_agent_speaks() -> None:
    assert collect_timed([], agent_speaks_until=4_000) == ("", 5_900)


def test_unrequested_digits_become_a_turn_after_a_pause() -> None:
    pad = DigitCollector()
    pad.press("1", 1_000)
    pad.press("2", 2_000)
    assert not pad.is_collecting
    assert pad.tick(2_000 + GATHER_MS - 1, is_quiet=False) == ""
    assert pad.tick(2_000 + GATHER_MS, is_quiet=False) == "12"
    assert pad.tick(9_000, is_quiet=True) == ""


def test_digits_of_a_cancelled_collection_are_dropped() -> None:
    """They may be a card number, so they must not become the caller's words."""
    pad = DigitCollector()
    assert collect("4111", digits=pad) is None
    assert not pad.is_collecting
    assert pad.tick(100_000, is_quiet=True) == ""


def test_is_collecting_until_the_digits_are_complete() -> None:
    pad = DigitCollector()

    async def scenario() -> list[bool]:
        seen = [pad.is_collecting]
        task = asyncio.create_task(pad.collect(DigitRequest(most=2), 0))
        await asyncio.sleep(0)
        seen.append(pad.is_collecting)
        pad.press("1", 10)
        seen.append(pad.is_collecting)
        pad.press("2", 20)
        seen.append(pad.is_collecting)
        assert (await task).digits == "12"
        return seen

    assert run_virtual(scenario()) == [False, True, True, False]


def test_further_request_ends_the_one_before_it() -> None:
    pad = DigitCollector()

    async def scenario() -> None:
        first = asyncio.create_task(pad.collect(DigitRequest(most=2), 0))
        await asyncio.sleep(0)
        second = asyncio.create_task(pad.collect(DigitRequest(most=3), 10))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert first.cancelled() and pad.is_collecting
        for key in "123":
            pad.press(key, 20)
        assert (await second).digits == "123"

    run_virtual(scenario())


def test_second_collection_can_follow_at_once() -> None:
    pad = DigitCollector()
    assert collect("12#", digits=pad) == "12"
    assert collect("34#", digits=pad) == "34"
