"""The tool collect_digits: its arguments, and what the model is told."""

import asyncio

import msgspec
import pytest

from media.call.digits import DigitCollector
from media.tools.collected_digits import OFFER_KEYPAD, collect_digits
from tests.virtual_time import clock_ms, run_virtual


def collected(arguments: str, keys: str) -> str:
    async def scenario() -> str:
        digits = DigitCollector()
        tool = collect_digits(lambda request: digits.collect(request, clock_ms()))
        task = asyncio.ensure_future(tool.run(arguments.encode(), "run-1"))
        for key in keys:
            await asyncio.sleep(0.2)
            if digits.take_prompt():
                digits.question_ends(clock_ms())
            digits.press(key, clock_ms())
        while not task.done():
            await asyncio.sleep(0.25)
            digits.tick(clock_ms(), is_quiet=True)
            digits.take_prompt()
        return await task

    return run_virtual(scenario(), limit_s=100)


def test_collect_digits_returns_the_keys() -> None:
    assert collected("{}", "1234#") == "The caller pressed: 1234"
    assert collected('{"max_digits": 2}', "12") == "The caller pressed: 12"
    assert collected('{"terminator": "*", "max_digits": 5}', "12*") == "The caller pressed: 12"


def test_numbers_may_be_written_as_text() -> None:
    assert collected('{"max_digits": "2", "timeout_s": "4.5"}', "12") == "The caller pressed: 12"
    assert collected('{"max_digits": 2.0}', "12") == "The caller pressed: 12"


def test_no_digit_is_pressed() -> None:
    assert collected('{"timeout_s": 3}', "") == "The caller pressed nothing."


@pytest.mark.parametrize(
    "arguments",
    [
        '{"max_digits": 0}',
        '{"max_digits": 65}',
        '{"terminator": "ab"}',
        '{"timeout_s": 0.5}',
        "[]",
        '{"min_digits": 5, "max_digits": 4}',
        '{"tries": 4}',
    ],
)
def test_arguments_out_of_bounds_are_refused(arguments: str) -> None:
    with pytest.raises(msgspec.MsgspecError):
        collected(arguments, "")


def test_too_few_digits_are_told_as_such() -> None:
    told = collected('{"min_digits": 4, "timeout_s": 2}', "12")
    assert told == "The caller pressed: 12. That is fewer than the 4 digits that were asked for."


def test_keypad_is_offered_after_spoken_digits_have_failed() -> None:
    assert collected('{"spoken": true, "timeout_s": 2}', "") == f"The caller pressed nothing. {OFFER_KEYPAD}"


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ("4711#1", "The caller pressed: 4711. They were read back, and the caller has confirmed them."),
        ("4711#2", "The caller pressed nothing."),  # in the second try
        ("4711#29999#2", "The caller did not confirm the digits that were read back, so they are not known."),
        ("4711#", "The caller did not confirm the digits that were read back, so they are not known."),
    ],
)
def test_digits_that_must_be_confirmed_are_told_once_they_are(keys: str, told: str) -> None:
    assert collected('{"confirm": true, "timeout_s": 2}', keys) == told
