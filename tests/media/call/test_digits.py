"""The keypad: asked for and unasked for, type-ahead, time-outs, and keys that must not be told."""

import asyncio
from contextlib import suppress

from media.call.digits import GATHER_MS, STRAY_MS, Digits
from tests.virtual_time import run_virtual


def collect(
    keys: str, most: int = 16, terminator: str = "#", *, ahead: str = "", digits: Digits | None = None
) -> str | None:
    """Asks for digits and presses keys, one every 100 ms; None when that did not satisfy it."""
    pad = digits or Digits()

    async def scenario() -> str | None:
        for key in ahead:
            pad.press(key, 0)
        task = asyncio.create_task(pad.collect(most, terminator, 8_000, 0))
        await asyncio.sleep(0)
        for number, key in enumerate(keys, 1):
            pad.press(key, number * 100)
        await asyncio.sleep(0)
        if task.done():
            return task.result()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        return None

    return run_virtual(scenario())


def test_ends_with_the_last_digit_asked_for() -> None:
    assert collect("12", most=3) is None
    assert collect("123", most=3) == "123"


def test_ends_with_the_terminator_which_does_not_count() -> None:
    assert collect("12#") == "12"
    assert collect("#") == ""


def test_without_a_terminator_every_key_counts() -> None:
    assert collect("1#*2", most=4, terminator="") == "1#*2"


def test_keys_pressed_before_the_asking_count() -> None:
    assert collect("", ahead="12#") == "12"
    assert collect("3#", ahead="12") == "123"
    assert collect("", most=2, ahead="123") == "12"


def test_a_terminator_pressed_out_of_habit_is_swallowed() -> None:
    pad = Digits()
    assert collect("1234", most=4, digits=pad) == "1234"
    pad.press("#", 400 + STRAY_MS - 1)
    assert pad.tick(400 + STRAY_MS + GATHER_MS, agent_silent=True) == ""


def test_a_terminator_much_later_is_a_key_like_any_other() -> None:
    pad = Digits()
    assert collect("1234", most=4, digits=pad) == "1234"
    pad.press("#", 400 + STRAY_MS)
    assert pad.tick(400 + STRAY_MS + GATHER_MS, agent_silent=True) == "#"


def test_only_the_terminator_is_swallowed_and_only_once() -> None:
    pad = Digits()
    assert collect("1234", most=4, digits=pad) == "1234"
    pad.press("5", 500)
    pad.press("#", 600)
    assert pad.tick(600 + GATHER_MS, agent_silent=True) == "5#"


def waiting(steps: list[tuple[float, str]], talking_until: float = 0) -> tuple[str | None, float]:
    """Collects with a time-out of 2 s; the result and when it came, ticking every 100 ms."""
    pad = Digits()

    async def scenario() -> tuple[str | None, float]:
        task = asyncio.create_task(pad.collect(8, "#", 2_000, 0))
        for moment in range(0, 10_000, 100):
            for at, key in steps:
                if at == moment:
                    pad.press(key, moment)
            pad.tick(moment, agent_silent=moment >= talking_until)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            if task.done():
                return task.result(), moment
        return None, 0

    return run_virtual(scenario())


def test_gives_up_after_the_time_out_with_what_was_pressed() -> None:
    assert waiting([]) == ("", 2_000)
    assert waiting([(500, "1"), (1_500, "2")]) == ("12", 3_500)


def test_time_does_not_run_while_the_agent_speaks() -> None:
    assert waiting([], talking_until=4_000) == ("", 5_900)


def test_keys_that_nobody_asked_for_become_a_turn_after_a_pause() -> None:
    pad = Digits()
    pad.press("1", 1_000)
    pad.press("2", 2_000)
    assert not pad.collecting
    assert pad.tick(2_000 + GATHER_MS - 1, agent_silent=False) == ""
    assert pad.tick(2_000 + GATHER_MS, agent_silent=False) == "12"
    assert pad.tick(9_000, agent_silent=True) == ""


def test_keys_of_a_collection_that_was_given_up_are_forgotten() -> None:
    """They may be a card number: they must not turn up as the caller's words."""
    pad = Digits()
    assert collect("4111", digits=pad) is None
    assert not pad.collecting
    assert pad.tick(100_000, agent_silent=True) == ""


def test_is_collecting_until_the_answer_is_there() -> None:
    pad = Digits()

    async def scenario() -> list[bool]:
        seen = [pad.collecting]
        task = asyncio.create_task(pad.collect(2, "#", 8_000, 0))
        await asyncio.sleep(0)
        seen.append(pad.collecting)
        pad.press("1", 10)
        seen.append(pad.collecting)
        pad.press("2", 20)
        seen.append(pad.collecting)
        assert await task == "12"
        return seen

    assert run_virtual(scenario()) == [False, True, True, False]


def test_can_be_asked_again_at_once() -> None:
    pad = Digits()
    assert collect("12#", digits=pad) == "12"
    assert collect("34#", digits=pad) == "34"
