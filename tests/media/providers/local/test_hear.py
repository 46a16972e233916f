"""The recogniser behind the port: what of the caller's audio is transcribed, and when."""

import asyncio

import pytest

from media.audio import mulaw
from media.providers.local.hear import BEFORE, EARLIEST_CUT, IDLE, LATEST_CUT, LONG, LocalHear, quietest
from media.providers.local.speech import Transcript as Heard
from media.providers.ports import HearEvent, HearFailed, HearSession, ProviderBusy, ProviderError, Transcript

FRAME = 160  # bytes, 20 ms
QUIET = b"\xff"
LOUD = b"\x10"


class FakeEngine:
    """Hears the lengths of what it is given, in ms; answers when the test lets it."""

    def __init__(self, *, slow: bool = False) -> None:
        self.asked: list[int] = []
        self.error: ProviderError | None = None
        self.free = asyncio.Event()
        if not slow:
            self.free.set()

    async def connect(self) -> None:
        if self.error:
            raise self.error

    async def transcribe(self, pcm: bytes, sample_rate: int) -> Heard:
        assert sample_rate == mulaw.RATE
        self.asked.append(len(pcm) // 2 // 8)
        await self.free.wait()
        if self.error:
            raise self.error
        return Heard(f"<{self.asked[-1]}>" if pcm.strip(b"\0") else "", 0.9)


async def open_session(engine: FakeEngine) -> tuple[HearSession, list[HearEvent]]:
    events: list[HearEvent] = []
    return await LocalHear(engine).open("en-US", events.append), events


def say(session: HearSession, ms: int, code: bytes = LOUD) -> None:
    for _ in range(ms // 20):
        session.push(code * FRAME)


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_turn_is_heard_from_shortly_before_its_start() -> None:
    engine = FakeEngine()
    session, events = await open_session(engine)
    say(session, 30_000, QUIET)
    session.started()
    say(session, 1_000)
    session.finalise(1)
    await settle()
    assert events == [Transcript(f"<{BEFORE // 8 + 1_000}>", True, 1)]
    await session.close()


async def test_when_the_caller_goes_on_the_whole_turn_is_heard_again() -> None:
    engine = FakeEngine()
    session, events = await open_session(engine)
    session.started()
    say(session, 1_000)
    session.finalise(1)
    await settle()
    session.started()
    say(session, 2_000)
    session.finalise(2)
    await settle()
    assert events == [Transcript("<1000>", True, 1), Transcript("<3000>", True, 2)]
    await session.close()


async def test_a_later_request_makes_the_earlier_one_stale() -> None:
    engine = FakeEngine(slow=True)
    session, events = await open_session(engine)
    session.started()
    say(session, 1_000)
    session.finalise(1)
    await settle()
    say(session, 1_000)
    session.finalise(2)
    await settle()
    engine.free.set()
    await settle()
    assert engine.asked == [1_000, 2_000]
    assert events == [Transcript("<2000>", True, 2)]
    await session.close()


async def test_the_next_turn_starts_afresh_behind_what_was_asked_for() -> None:
    engine = FakeEngine()
    session, events = await open_session(engine)
    session.started()
    say(session, 5_000)
    session.finalise(1)
    await settle()
    say(session, 300)
    session.next_turn()
    session.started()
    say(session, 1_000)
    session.finalise(2)
    await settle()
    assert events[1:] == [Transcript("<1300>", True, 2)]
    await session.close()


async def test_the_next_turn_makes_a_request_stale() -> None:
    engine = FakeEngine(slow=True)
    session, events = await open_session(engine)
    session.started()
    say(session, 1_000)
    session.finalise(1)
    await settle()
    session.next_turn()
    engine.free.set()
    await settle()
    assert events == []
    await session.close()


async def test_text_may_be_asked_for_although_no_start_was_told() -> None:
    engine = FakeEngine()
    session, events = await open_session(engine)
    say(session, 3_000)
    session.finalise(1)
    await settle()
    assert events == [Transcript("<3000>", True, 1)]
    await session.close()


async def test_a_long_turn_is_heard_in_parts_while_it_goes_on() -> None:
    engine = FakeEngine()
    session, events = await open_session(engine)
    session.started()
    for _ in range(3):
        say(session, 7_000)
        say(session, 500, QUIET)
        await settle()
    assert engine.asked == [7_050, 7_550]  # up to the middle of a quiet 100 ms, 50 ms into the pause
    session.finalise(1)
    await settle()
    rest = 3 * 7_500 - sum(engine.asked[:2])
    assert engine.asked[2:] == [rest]
    assert events == [Transcript(f"<7050> <7550> <{rest}>", True, 1)]
    await session.close()


async def test_a_long_turn_that_came_at_once_is_heard_in_short_parts() -> None:
    engine = FakeEngine()
    session, events = await open_session(engine)
    session.started()
    say(session, 40_000)
    session.finalise(1)
    await settle()
    assert sum(engine.asked) == 40_000
    assert all(ms <= LONG // 8 for ms in engine.asked)
    assert len(events) == 1
    await session.close()


async def test_a_request_waits_for_the_part_in_work() -> None:
    engine = FakeEngine(slow=True)
    session, events = await open_session(engine)
    session.started()
    say(session, LONG // 8 + 20)
    await settle()
    (part,) = engine.asked
    session.finalise(1)
    await settle()
    engine.free.set()
    await settle()
    assert engine.asked == [part, LONG // 8 + 20 - part]
    assert [event.text for event in events if isinstance(event, Transcript)] == [f"<{part}> <{engine.asked[1]}>"]
    await session.close()


async def test_while_nobody_speaks_little_is_kept() -> None:
    engine = FakeEngine()
    session, _ = await open_session(engine)
    say(session, 120_000, QUIET)
    session.finalise(1)
    await settle()
    assert sum(engine.asked) <= 2 * IDLE // 8
    await session.close()


@pytest.mark.parametrize("ms", [1_000, 11_000])
async def test_an_engines_error_ends_the_session(ms: int) -> None:
    engine = FakeEngine()
    session, events = await open_session(engine)
    engine.error = ProviderBusy("local", "the queue is full")
    session.started()
    say(session, ms)
    session.finalise(1)
    await settle()
    session.finalise(2)
    await settle()
    assert events == [HearFailed(engine.error)]
    await session.close()


async def test_no_event_comes_after_the_close() -> None:
    engine = FakeEngine(slow=True)
    session, events = await open_session(engine)
    session.started()
    say(session, 1_000)
    session.finalise(1)
    await settle()
    await session.close()
    engine.free.set()
    session.finalise(2)
    await session.close()
    await settle()
    assert events == []


async def test_opens_only_where_there_is_an_engine_and_english() -> None:
    engine = FakeEngine()
    engine.error = ProviderError("local", "not there")
    with pytest.raises(ProviderError, match="not there"):
        await LocalHear(engine).open("en", print)
    with pytest.raises(ProviderError, match="knows no fr"):
        await LocalHear(engine).open("fr", print)


def test_speech_is_cut_in_its_quietest_moment() -> None:
    speech = bytearray(LOUD * LONG)
    speech[50_000:51_600] = b"\x30" * 1_600
    speech[60_000:61_600] = QUIET * 1_600
    assert 60_000 < quietest(bytes(speech)) < 61_600
    assert EARLIEST_CUT < quietest(LOUD * LONG) < LATEST_CUT
