"""The clock of a resumed stream, also where a wall clock was set."""

import asyncio
import time

import pytest

from media.server.stream_clock import LONGEST_GAP_MS, gap_ms, make_stream_clock
from shared.events import CallUsage
from shared.plan import ResumePoint

HOUR_MS = 3_600_000


def lost_at(lost_ms: int, after_ms: int = 60_000) -> ResumePoint:
    return ResumePoint([], 0, CallUsage(), lost_ms - after_ms, lost_ms)


async def test_a_first_stream_begins_at_zero() -> None:
    assert 0 <= make_stream_clock(None)() < 1_000


async def test_a_further_stream_goes_on_with_the_time_without_one() -> None:
    now = round(time.time() * 1000)
    assert make_stream_clock(lost_at(now - 4_000))() == pytest.approx(64_000, abs=1_000)


@pytest.mark.parametrize("set_by_ms", [HOUR_MS, -HOUR_MS])
async def test_a_clock_that_was_set_by_an_hour_makes_the_call_no_older(set_by_ms: int) -> None:
    now = round(time.time() * 1000)
    clock = make_stream_clock(lost_at(now - set_by_ms))
    assert clock() == pytest.approx(60_000, abs=1_000)
    before = clock()
    await asyncio.sleep(0.01)
    assert clock() > before


def test_gap_is_what_wall_clocks_can_tell() -> None:
    resume = lost_at(1_000_000)
    assert gap_ms(resume, 1_000_900) == 900
    assert gap_ms(resume, 999_999) == gap_ms(resume, 1_000_001 + LONGEST_GAP_MS) == 0
