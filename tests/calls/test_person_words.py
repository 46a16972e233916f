"""The words of a supervisor who speaks to the caller in the agent's place: events, and what the model reads of them."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from media.call.recognizer import LAST_WORDS_S
from media.providers.ports import ProviderError, SpeechToTextFailed, SpeechToTextSession, SpeechToTextSink
from shared.events import AgentSaid, CallEnded, CallerSaid, LineReturned, PersonSaid
from shared.plan import ResumePoint, TurnPlan
from tests.calls.scripted_call import PERSON, ScriptedCall, ScriptedRecognizer
from tests.virtual_time import run_virtual

TURN = TurnPlan(silence_ms=400)
PAUSE_MS = 1_500


def read_by_model(scripted: ScriptedCall, request: int = -1) -> list[str]:
    """What the model read, message by message."""
    messages = scripted.model.requests[request].messages
    return [f"{message.role}: {message.text.strip() or message.note}" for message in messages]


def said_by_person(scripted: ScriptedCall) -> list[str]:
    return [said.text for said in scripted.events_of(PersonSaid)]


def test_the_model_reads_what_a_person_said() -> None:
    async def run() -> None:
        scripted = ScriptedCall(turn=TURN, answers=["We are full.", "Anything else?"])
        await scripted.say("Do you have time?", 800)
        await scripted.listen_until_quiet()
        taken_ms = scripted.now()
        assert scripted.call.take_line("session-1")
        await scripted.speak_as_person("I can offer [Friday].", 1_000)
        await scripted.silence(PAUSE_MS)
        assert said_by_person(scripted) == ["I can offer [Friday]."], "before the line is given back"
        await scripted.say("Friday is good.", 800)
        await scripted.silence(PAUSE_MS)
        await scripted.speak_as_person("Then I book it.", 800)
        scripted.call.give_line_back("session-1")
        await scripted.listen_until_quiet()
        await scripted.hang_up()
        assert read_by_model(scripted) == [
            "user: Do you have time?",
            "assistant: We are full.",
            "user: [A supervisor said to the caller: I can offer (Friday).]",
            "user: Friday is good.",
            "user: [A supervisor said to the caller: Then I book it.]",
        ]
        first, second = scripted.events_of(PersonSaid)
        assert first.session_id == second.session_id == "session-1"
        assert taken_ms <= first.start_ms <= taken_ms + 100 and 900 <= first.end_ms - first.start_ms <= 1_100
        assert scripted.events_of(CallerSaid)[1].start_ms < second.start_ms
        assert [said.text for said in scripted.events_of(AgentSaid)] == ["We are full.", "Anything else?"]
        assert scripted.person.opened_in == "en" and scripted.person.sink is None, "the session is closed"

    run_virtual(run())


def test_the_agent_waits_for_the_last_words() -> None:
    async def run() -> None:
        scripted = ScriptedCall(turn=TURN)
        scripted.person.answer_s = 1.0
        scripted.call.take_line("session-1")
        await scripted.say("Do you have time?", 800)
        await scripted.silence(PAUSE_MS)
        await scripted.speak_as_person("On Friday.", 600)
        scripted.call.give_line_back("session-1")
        await scripted.silence(900)
        assert not scripted.model.requests
        await scripted.listen_until_quiet()
        await scripted.hang_up()
        assert read_by_model(scripted)[-1] == "user: [A supervisor said to the caller: On Friday.]"

    run_virtual(run())


def test_a_recognizer_that_hangs_delays_the_agent_for_a_moment() -> None:
    async def run() -> None:
        scripted = ScriptedCall(turn=TURN)
        scripted.person.answer_s = 60.0
        scripted.call.take_line("session-1")
        await scripted.say("Do you have time?", 800)
        await scripted.silence(PAUSE_MS)
        await scripted.speak_as_person("On Friday.", 600)
        scripted.call.give_line_back("session-1")
        await scripted.silence(round(LAST_WORDS_S * 1_000) + 300)
        assert read_by_model(scripted)[-1] == "user: [A supervisor spoke with the caller here.]"
        await scripted.hang_up()
        (said,) = scripted.events_of(PersonSaid)
        assert said.text == "" and 500 <= said.end_ms - said.start_ms <= 700

    run_virtual(run())


class BrokenRecognizer:
    """Cannot be opened."""

    name = "broken"

    async def open(self, language: str, sink: SpeechToTextSink) -> SpeechToTextSession:
        raise ProviderError("broken", "no service")


class SeveralSessions:
    """A recognizer whose sessions know these texts, one each."""

    name = "several"

    def __init__(self, *texts: str) -> None:
        self._texts = list(texts)

    async def open(self, language: str, sink: SpeechToTextSink) -> SpeechToTextSession:
        session = ScriptedRecognizer()
        session.text = self._texts.pop(0)
        return await session.open(language, sink)


def test_speech_without_a_recognizer_is_reported_without_words() -> None:
    async def run() -> None:
        scripted = ScriptedCall(turn=TURN, person_stt=BrokenRecognizer())
        scripted.call.take_line("session-1")
        await scripted.speak_as_person("Hello.", 600)
        await scripted.silence(PAUSE_MS)
        await scripted.say("Do you have time?", 800)
        await scripted.silence(PAUSE_MS)
        await scripted.speak_as_person("On Friday.", 600)
        scripted.call.give_line_back("session-1")
        await scripted.listen_until_quiet()
        await scripted.hang_up()
        assert said_by_person(scripted) == ["", ""]
        assert read_by_model(scripted) == [
            "user: [A supervisor spoke with the caller here.]",
            "user: Do you have time?",
            "user: [A supervisor spoke with the caller here.]",
        ]

    run_virtual(run())


def test_partial_words_are_kept_when_the_recognizer_fails() -> None:
    async def run() -> None:
        scripted = ScriptedCall(turn=TURN)
        scripted.call.take_line("session-1")
        await scripted.speak_as_person("I can offer", 600)
        scripted.person.partial()
        assert scripted.person.sink is not None
        scripted.person.sink(SpeechToTextFailed(ProviderError("scripted", "gone")))
        await scripted.speak_as_person("Friday.", 400)
        await scripted.silence(PAUSE_MS)
        await scripted.speak_as_person("Or Monday.", 600)
        scripted.call.give_line_back("session-1")
        await scripted.silence(200)
        assert said_by_person(scripted) == ["I can offer", ""]
        await scripted.hang_up()

    run_virtual(run())


def test_a_sound_without_words_is_not_reported() -> None:
    async def run() -> None:
        scripted = ScriptedCall(turn=TURN)
        scripted.call.take_line("session-1")
        await scripted.speak_as_person("", 300)
        await scripted.silence(PAUSE_MS)
        scripted.call.give_line_back("session-1")
        await scripted.say("Do you have time?", 800)
        await scripted.listen_until_quiet()
        await scripted.hang_up()
        assert not scripted.events_of(PersonSaid)
        assert read_by_model(scripted) == ["user: Do you have time?"]

    run_virtual(run())


def test_last_words_are_reported_when_the_caller_hangs_up() -> None:
    async def run() -> None:
        scripted = ScriptedCall(turn=TURN)
        scripted.call.take_line("session-1")
        await scripted.speak_as_person("Please hold on.", 600)
        await scripted.hang_up()
        kinds = [type(event) for event in scripted.events.events]
        assert said_by_person(scripted) == ["Please hold on."]
        assert kinds.index(PersonSaid) < kinds.index(CallEnded)
        assert not scripted.call.take_line("session-2"), "the call is over"

    run_virtual(run())


def test_a_long_speech_is_reported_in_parts() -> None:
    async def run() -> None:
        scripted = ScriptedCall(turn=TURN)
        scripted.call.take_line("session-1")
        await scripted.speak_as_person("The first part.", 30_500)
        await scripted.speak_as_person("The second part.", 2_000)
        await scripted.silence(PAUSE_MS)
        first, second = scripted.events_of(PersonSaid)
        assert (first.text, second.text) == ("The first part.", "The second part.")
        assert first.end_ms <= second.start_ms <= first.end_ms + 1_000
        await scripted.hang_up()

    run_virtual(run())


def test_each_taking_of_the_line_has_a_session_of_its_own() -> None:
    async def run() -> None:
        scripted = ScriptedCall(turn=TURN)
        for text in ("One.", "Two."):
            scripted.call.take_line(text)
            await scripted.speak_as_person(text, 600)
            scripted.call.give_line_back(text)
            await scripted.silence(1_000)
            scripted.person.text = ""
        await scripted.hang_up()
        assert [(said.session_id, said.text) for said in scripted.events_of(PersonSaid)] == [
            ("One.", "One."),
            ("Two.", "Two."),
        ]
        assert [event.spoken_ms for event in scripted.events_of(LineReturned)] == [600, 600]

    run_virtual(run())


def test_another_person_takes_the_line_before_the_last_words_are_known() -> None:
    async def run() -> None:
        scripted = ScriptedCall(turn=TURN, person_stt=SeveralSessions("One.", ""))
        await scripted.say("Do you have time?", 800)
        scripted.call.take_line("session-1")
        await scripted.speak_as_person("", 600)
        scripted.call.give_line_back("session-1")
        scripted.call.take_line("session-2")
        await scripted.silence(3_000)
        assert said_by_person(scripted) == ["One."]
        assert not scripted.model.requests, "the second one has the line"
        scripted.call.give_line_back("session-2")
        await scripted.listen_until_quiet()
        await scripted.hang_up()
        assert read_by_model(scripted)[-1] == "user: [A supervisor said to the caller: One.]"

    run_virtual(run())


def test_audio_that_the_caller_does_not_hear_has_no_words() -> None:
    async def run() -> None:
        scripted = ScriptedCall(turn=TURN)
        scripted.call.take_line("session-1")
        for _ in range(200):  # 4 s at once, of which the carrier takes 400 ms
            scripted.call.speak(PERSON)
        await scripted.silence(200)
        assert len(scripted.person.voiced) == 20
        await scripted.hang_up()

    run_virtual(run())


def test_the_words_outlive_the_node() -> None:
    async def run() -> None:
        scripted = ScriptedCall(turn=TURN)
        scripted.call.take_line("session-1")
        await scripted.say("Do you have time?", 800)
        await scripted.silence(PAUSE_MS)
        await scripted.speak_as_person("On Friday [at nine].", 600)
        scripted.call.give_line_back("session-1")
        await scripted.silence(200)
        snapshot = scripted.call.snapshot()
        await scripted.call.finish("carrier_error")
        assert snapshot.reported_turns == 1
        resume = ResumePoint(snapshot.messages, 1, snapshot.usage, 1_000_000, 1_000_000 + snapshot.at_ms)
        after = ScriptedCall(turn=TURN, greeting="Sorry.", resume=resume, before_ms=snapshot.at_ms + 1_000)
        await after.listen_until_quiet()
        await after.say("Fine.", 600)
        await after.listen_until_quiet()
        await after.hang_up()
        assert read_by_model(after, 0) == [
            "user: Do you have time?",
            "user: [A supervisor said to the caller: On Friday (at nine).]",
            "assistant: Sorry.",
            "user: Fine.",
        ]
        assert [said.text for said in after.events_of(CallerSaid)] == ["Fine."]

    run_virtual(run())


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["caller", "person", "both"]), st.integers(15, 90), st.integers(0, 90)),
        min_size=1,
        max_size=7,
    ),
    st.floats(0.05, 1.2),
    st.floats(0.05, 1.2),
)
def test_words_are_in_the_order_in_which_they_began(
    script: list[tuple[str, int, int]], caller_answer_s: float, person_answer_s: float
) -> None:
    """script: who speaks, for how many frames, and how many frames of silence follow."""

    async def run() -> None:
        scripted = ScriptedCall(turn=TURN)
        scripted.recognizer.answer_s, scripted.person.answer_s = caller_answer_s, person_answer_s
        scripted.call.take_line("session-1")
        for place, (who, frames, silence) in enumerate(script):
            caller, person = f"caller{place}", f"person{place}"
            if who == "caller":
                await scripted.say(caller, frames * 20)
            else:
                await scripted.speak_as_person(person, frames * 20, over=caller if who == "both" else "")
            await scripted.silence(silence * 20)
        await scripted.silence(4_000)
        scripted.call.give_line_back("session-1")
        await scripted.silence(3_000)
        await scripted.say("The end.", 600)
        await scripted.listen_until_quiet()
        await scripted.hang_up()
        began = {said.text: said.start_ms for said in scripted.events_of(CallerSaid)}
        began |= {said.text: said.start_ms for said in scripted.events_of(PersonSaid)}
        messages = [message for message in scripted.model.requests[-1].messages if message.role == "user"]
        read = [re.sub(r"\[A supervisor said to the caller: (.*)\]", r"\1", one.text or one.note) for one in messages]
        assert [began[text] for text in read] == sorted(began[text] for text in read)
        spoken = {f"caller{place}" for place, (who, *_) in enumerate(script) if who != "person"}
        spoken |= {f"person{place}" for place, (who, *_) in enumerate(script) if who != "caller"}
        assert set(" ".join(read).split()) == {*spoken, "The", "end."}

    run_virtual(run())
