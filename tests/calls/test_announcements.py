"""Announcements are heard whole before anything else, and nothing is recorded before their end. In virtual time."""

import math
from pathlib import Path

import numpy as np
import pytest

from media.audio.wav import read_wav
from media.call.recording import RecordingWriter
from shared.events import AgentSaid, AnnouncementHeard, CallerSaid, RecordingReady, RecordingRefused, TurnInterrupted
from shared.plan import ConsentPlan, ContextPlan, LimitsPlan, ResumePoint, TurnPlan
from tests.calls.faulty_providers import Fault, faulty_chains
from tests.calls.scripted_call import WORD_MS, ScriptedCall, ScriptedCarrier
from tests.media.call.test_recording import ImmediateExecutor
from tests.virtual_time import run_virtual

ANNOUNCED = "This call is recorded, say no or press nine if you object."
CONSENT = ConsentPlan(ANNOUNCED, ("no", "I would rather you did not"), "9")
GREETING = "Hello, how can I help?"
TURN = TurnPlan(silence_ms=400)
OUTBOUND = ContextPlan("UTC", "outbound")
# Speech before the recording begins may be in it by so much: one frame.
FRAME_MS = 20


@pytest.fixture
def writer(tmp_path: Path) -> RecordingWriter:
    return RecordingWriter(tmp_path / "call.wav", ImmediateExecutor())


def first_sound_ms(path: Path) -> tuple[float, float]:
    """Of the caller and of the agent; their channels are silent until then."""
    is_sound = np.abs(read_wav(path.read_bytes()).samples) > 0.001
    caller, agent = (np.argmax(one) / 8 if one.any() else math.inf for one in is_sound.T)
    return float(caller), float(agent)


def said(scripted: ScriptedCall) -> list[str]:
    return [one.text for one in scripted.events_of(AgentSaid)]


@pytest.mark.parametrize("before_ms", [0, 400, 2_000])
def test_announcement_is_heard_whole_and_recording_begins_at_its_end(before_ms: int, writer: RecordingWriter) -> None:
    """The caller talks from before it to long after it."""

    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(greeting=GREETING, turn=TURN, recorder=writer, consent=CONSENT)
        await scripted.silence(before_ms)
        await scripted.say("hello I want an appointment", 6_000)
        await scripted.listen_until_quiet()
        await scripted.say("tomorrow", 500)
        await scripted.listen_until_quiet()
        await scripted.hang_up()
        return scripted

    scripted = run_virtual(scenario())
    assert said(scripted) == [ANNOUNCED, GREETING, "I see."]
    assert scripted.carrier.clears == [] and scripted.events_of(TurnInterrupted) == []
    assert [one.text for one in scripted.events_of(CallerSaid)] == ["hello I want an appointment", "tomorrow"]
    (heard,) = scripted.events_of(AnnouncementHeard)
    length_ms = len(ANNOUNCED.split()) * WORD_MS
    assert heard.kind == "recording" and length_ms < heard.at_ms < length_ms + 200
    caller_ms, agent_ms = first_sound_ms(writer.path)
    assert heard.at_ms <= caller_ms <= heard.at_ms + 2 * FRAME_MS
    greeting = scripted.events_of(AgentSaid)[1]
    assert agent_ms == pytest.approx(greeting.start_ms, abs=60)
    (ready,) = scripted.events_of(RecordingReady)
    assert ready.path == str(writer.path)


def test_disclosure_comes_first_and_does_not_count_as_consent(writer: RecordingWriter) -> None:
    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(
            greeting=GREETING, turn=TURN, recorder=writer, consent=CONSENT, disclosure="I am a machine."
        )
        scripted.call.say("A text from outside.")
        await scripted.say("hello", 500)
        await scripted.silence(15_000)
        await scripted.hang_up()
        return scripted

    scripted = run_virtual(scenario())
    assert said(scripted)[:3] == ["I am a machine.", ANNOUNCED, GREETING]
    disclosed, announced = scripted.events_of(AnnouncementHeard)
    assert (disclosed.kind, announced.kind) == ("disclosure", "recording")
    assert first_sound_ms(writer.path)[1] > announced.at_ms


def test_callee_is_let_speak_first_and_is_greeted_after_the_announcement(writer: RecordingWriter) -> None:
    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(greeting=GREETING, turn=TURN, recorder=writer, consent=CONSENT, context=OUTBOUND)
        await scripted.silence(300)
        await scripted.say("hello?", 400)
        await scripted.silence(60)
        assert not scripted.carrier.sounding
        await scripted.listen_until_quiet()
        await scripted.listen_until_quiet()
        await scripted.say("yes please", 300)
        await scripted.listen_until_quiet()
        await scripted.hang_up()
        return scripted

    scripted = run_virtual(scenario())
    assert said(scripted) == [ANNOUNCED, GREETING, "I see."]
    assert [one.text for one in scripted.events_of(CallerSaid)] == ["hello?", "yes please"]
    (heard,) = scripted.events_of(AnnouncementHeard)
    assert min(first_sound_ms(writer.path)) >= heard.at_ms
    (request,) = scripted.model.requests
    assert [message.text for message in request.messages] == ["hello?", ANNOUNCED, GREETING, "yes please"]


@pytest.mark.parametrize(("talk_ms", "least", "most"), [(0, 2_000, 2_300), (8_000, 5_000, 5_300)])
def test_callee_who_is_silent_or_does_not_stop_hears_it_in_time(talk_ms: int, least: int, most: int) -> None:
    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(greeting=GREETING, turn=TURN, consent=CONSENT, context=OUTBOUND)
        await scripted.say("you have reached the machine of", talk_ms)
        await scripted.silence(8_000 - talk_ms)
        await scripted.hang_up()
        return scripted

    announcement = run_virtual(scenario()).events_of(AgentSaid)[0]
    assert announcement.text in ANNOUNCED and least <= announcement.start_ms - 80 <= most


def test_words_before_the_announcement_are_answered_after_it_by_an_agent_without_a_greeting() -> None:
    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(turn=TURN, consent=CONSENT, context=OUTBOUND)
        await scripted.say("who is this", 600)
        await scripted.listen_until_quiet()
        await scripted.listen_until_quiet()
        await scripted.hang_up()
        return scripted

    assert said(run_virtual(scenario())) == [ANNOUNCED, "I see."]


def test_agent_that_waits_for_the_caller_waits_after_the_announcement() -> None:
    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(greeting=GREETING, turn=TURN, consent=CONSENT, first_message="wait_for_caller")
        await scripted.listen_until_quiet()
        await scripted.silence(3_000)
        assert said(scripted) == [ANNOUNCED]
        await scripted.say("hello", 500)
        await scripted.listen_until_quiet()
        await scripted.hang_up()
        return scripted

    assert said(run_virtual(scenario())) == [ANNOUNCED, GREETING]


def test_without_a_mark_of_its_end_nothing_is_recorded(writer: RecordingWriter) -> None:
    async def scenario() -> ScriptedCall:
        carrier = ScriptedCarrier(loses_marks=True)
        scripted = ScriptedCall(greeting=GREETING, turn=TURN, recorder=writer, consent=CONSENT, carrier=carrier)
        await scripted.silence(10_000)
        await scripted.hang_up()
        return scripted

    scripted = run_virtual(scenario())
    assert said(scripted) == [ANNOUNCED, GREETING], "the call goes on"
    assert not writer.path.exists()
    assert not scripted.events_of(AnnouncementHeard) and not scripted.events_of(RecordingReady)


def test_caller_who_hangs_up_during_the_announcement_is_not_recorded(writer: RecordingWriter) -> None:
    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(greeting=GREETING, turn=TURN, recorder=writer, consent=CONSENT)
        await scripted.say("oh no", 2_000)
        await scripted.hang_up()
        return scripted

    scripted = run_virtual(scenario())
    assert not writer.path.exists() and not scripted.events_of(RecordingReady)


def test_announcement_that_came_too_late_is_said_again_before_anything_else() -> None:
    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(greeting=GREETING, turn=TURN, limits=LimitsPlan(reply_s=4), consent=CONSENT)
        scripted.voice.delay_s = 30
        await scripted.silence(2_000)
        scripted.voice.delay_s = 0.1
        await scripted.silence(9_000)
        await scripted.hang_up()
        return scripted

    scripted = run_virtual(scenario())
    assert said(scripted) == [ANNOUNCED, GREETING]
    assert len(scripted.events_of(AnnouncementHeard)) == 1


@pytest.mark.parametrize("fault", ["breaks", "stalls", "refuses"])
def test_voice_that_fails_in_its_middle_is_replaced_and_nothing_is_lost(fault: Fault, writer: RecordingWriter) -> None:
    async def scenario() -> ScriptedCall:
        providers = faulty_chains([["ok"]], [["ok"]], [[fault, "ok"], ["ok"]])
        scripted = ScriptedCall(greeting=GREETING, turn=TURN, recorder=writer, consent=CONSENT, providers=providers)
        await scripted.silence(18_000)
        await scripted.hang_up()
        return scripted

    scripted = run_virtual(scenario())
    assert said(scripted)[:2] == [ANNOUNCED, GREETING]
    (heard,) = scripted.events_of(AnnouncementHeard)
    assert heard.at_ms > len(ANNOUNCED.split()) * WORD_MS
    assert first_sound_ms(writer.path)[1] >= heard.at_ms
    assert scripted.carrier.heard_words() >= len(f"{ANNOUNCED} {GREETING}".split()), "each word was played"


def test_keys_pressed_during_the_announcement_wait_for_its_end(writer: RecordingWriter) -> None:
    """They neither stop it nor are lost: the one that refuses is obeyed then, and nothing stays recorded."""

    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(greeting=GREETING, turn=TURN, recorder=writer, consent=CONSENT)
        await scripted.silence(700)
        scripted.call.on_digit("9")
        await scripted.listen_until_quiet()
        await scripted.silence(6_000)
        await scripted.hang_up()
        return scripted

    scripted = run_virtual(scenario())
    assert scripted.carrier.clears != [], "the greeting was cut off, not the announcement"
    spoken = said(scripted)
    assert (spoken[0], spoken[-2:]) == (ANNOUNCED, ["All right, this call is not recorded.", GREETING])
    assert len(scripted.events_of(AnnouncementHeard)) == len(scripted.events_of(RecordingRefused)) == 1
    assert not writer.path.exists() and not scripted.events_of(RecordingReady)


@pytest.mark.parametrize("by", ["words", "short words", "known words", "key", "long words"])
def test_caller_who_refuses_is_not_recorded(by: str, writer: RecordingWriter) -> None:
    words = {
        "words": "well I would rather you did not",
        "short words": "No.",
        "known words": "Please don't record me.",
        "long words": "Please don't record me. I would like to make an appointment for tomorrow morning at nine.",
    }

    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(greeting=GREETING, turn=TURN, recorder=writer, consent=CONSENT)
        await scripted.listen_until_quiet()
        await scripted.silence(1_500)
        assert writer.path.exists()
        if by == "key":
            scripted.call.on_digit("9")
            await scripted.silence(1_800)
        else:
            await scripted.say(words[by], 900)
        await scripted.silence(200)
        await scripted.listen_until_quiet()
        assert scripted.call.snapshot().recording_refused
        await scripted.say("are you open", 800)
        await scripted.listen_until_quiet()
        await scripted.hang_up()
        return scripted

    scripted = run_virtual(scenario())
    spoken = said(scripted)
    assert spoken[0] == ANNOUNCED and "All right, this call is not recorded." in spoken
    assert len(scripted.model.requests) == (2 if by == "long words" else 1)
    (refused,) = scripted.events_of(RecordingRefused)
    assert refused.by == ("key" if by == "key" else "words")
    assert not writer.path.exists() and not scripted.events_of(RecordingReady)


def test_no_to_another_question_refuses_nothing(writer: RecordingWriter) -> None:
    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(greeting=GREETING, turn=TURN, recorder=writer, consent=CONSENT)
        await scripted.listen_until_quiet()
        await scripted.silence(3_000)
        await scripted.say("are you open", 800)
        await scripted.listen_until_quiet()
        await scripted.say("No.", 300)
        await scripted.listen_until_quiet()
        await scripted.hang_up()
        return scripted

    scripted = run_virtual(scenario())
    assert not scripted.events_of(RecordingRefused) and scripted.events_of(RecordingReady)


@pytest.mark.parametrize(("announced", "refused"), [(("recording",), False), ((), False), (("recording",), True)])
def test_resumed_call_announces_what_was_not_heard_and_records_what_it_may(
    announced: tuple[str, ...], refused: bool, writer: RecordingWriter
) -> None:
    async def scenario() -> ScriptedCall:
        resume = ResumePoint([], 0, ScriptedCall().call.snapshot().usage, 0, 0, announced, refused)
        scripted = ScriptedCall(
            greeting="Sorry for that.", turn=TURN, recorder=writer, consent=CONSENT, resume=resume, before_ms=60_000
        )
        await scripted.say("hello hello", 1_000)
        await scripted.silence(9_000)
        assert scripted.call.snapshot().announced == ("recording",)
        await scripted.hang_up()
        return scripted

    scripted = run_virtual(scenario())
    assert (ANNOUNCED in said(scripted)) is not bool(announced)
    assert len(scripted.events_of(AnnouncementHeard)) == (not announced)
    assert bool(scripted.events_of(RecordingReady)) is writer.path.exists() is not refused
    if not refused:
        since = 60_000 if announced else scripted.events_of(AnnouncementHeard)[0].at_ms
        assert min(first_sound_ms(writer.path)) >= since
