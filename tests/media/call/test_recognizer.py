"""The call's recognizer: buffers audio while its session is being opened, and reports failures."""

import asyncio

from media.call.recognizer import LAST_TOKEN, MOST_BUFFERED, CallRecognizer
from media.providers.ports import (
    ProviderError,
    RecognizedText,
    SpeechToTextEvent,
    SpeechToTextFailed,
    SpeechToTextSession,
    SpeechToTextSink,
    TimedWord,
)
from tests.virtual_time import run_virtual


class Recognizer:
    """A SpeechToText whose session opens after a while, or fails; records all calls."""

    name = "fake"

    def __init__(self, opens_after_s: float = 1.0, fails: BaseException | None = None) -> None:
        self._opens_after_s = opens_after_s
        self._fails = fails
        self.calls: list[object] = []
        self.language = ""
        self.sink: SpeechToTextSink | None = None
        self.cancelled = False

    async def open(self, language: str, sink: SpeechToTextSink) -> SpeechToTextSession:
        self.language, self.sink = language, sink
        try:
            await asyncio.sleep(self._opens_after_s)
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        if self._fails is not None:
            raise self._fails
        return self

    def push(self, ulaw: bytes) -> None:
        self.calls.append(ulaw)

    def started(self) -> None:
        self.calls.append("started")

    def finalize(self, token: int) -> None:
        self.calls.append(token)

    def next_turn(self) -> None:
        self.calls.append("next")

    async def close(self) -> None:
        self.calls.append("closed")


def use_once(call_recognizer: CallRecognizer, number: int) -> list[object]:
    """Calls each method once; returns the calls that the session should get."""
    audio = bytes([number]) * 160
    call_recognizer.push(audio)
    call_recognizer.started()
    call_recognizer.finalize(number)
    call_recognizer.next_turn()
    return [audio, "started", number, "next"]


def test_calls_before_the_session_is_open_are_replayed_in_order() -> None:
    recognizer = Recognizer()

    async def scenario() -> None:
        call_recognizer = CallRecognizer(recognizer, "de", lambda event: None)
        call_recognizer.open()
        expected = use_once(call_recognizer, 1)
        await asyncio.sleep(0.9)
        expected += use_once(call_recognizer, 2)
        assert recognizer.calls == []
        await asyncio.sleep(0.2)
        assert recognizer.calls == expected
        expected += use_once(call_recognizer, 3)
        assert recognizer.calls == expected
        await call_recognizer.close()
        assert recognizer.calls == [*expected, "closed"]

    run_virtual(scenario())
    assert recognizer.language == "de"


def test_newest_audio_is_buffered_when_opening_takes_too_long() -> None:
    recognizer = Recognizer(opens_after_s=60)

    async def scenario() -> None:
        call_recognizer = CallRecognizer(recognizer, "en", lambda event: None)
        call_recognizer.open()
        for number in range(MOST_BUFFERED + 3):
            call_recognizer.push(number.to_bytes(2, "big"))
        await asyncio.sleep(61)
        await call_recognizer.close()

    run_virtual(scenario())
    assert recognizer.calls[0] == (3).to_bytes(2, "big")
    assert len(recognizer.calls) == MOST_BUFFERED + 1


def test_times_of_words_count_from_the_calls_first_audio() -> None:
    """Also where the first second of it was dropped, because the session was open late."""
    recognizer = Recognizer(opens_after_s=60)

    async def scenario() -> None:
        call_recognizer = CallRecognizer(recognizer, "en", lambda event: None)
        call_recognizer.open()
        for _ in range(MOST_BUFFERED + 50):
            call_recognizer.push(bytes(160))
        await asyncio.sleep(61)
        assert recognizer.sink is not None
        recognizer.sink(RecognizedText("one", True, 1, (TimedWord("one", 0, 500),)))
        assert call_recognizer.timed_words == [TimedWord("one", 1_000, 1_500)]
        await call_recognizer.close()

    run_virtual(scenario())


def test_later_results_replace_the_times_of_the_same_audio_only() -> None:
    recognizer = Recognizer()

    async def scenario() -> None:
        call_recognizer = CallRecognizer(recognizer, "en", lambda event: None)
        call_recognizer.open()
        await asyncio.sleep(2)
        assert recognizer.sink is not None
        first, second, third = TimedWord("one", 0, 400), TimedWord("to", 500, 900), TimedWord("two", 510, 900)
        recognizer.sink(RecognizedText("one to", True, 1, (first, second)))
        recognizer.sink(RecognizedText("one two", True, 2, (first, third)))
        assert call_recognizer.timed_words == [first, third]
        recognizer.sink(RecognizedText("two", True, 3, (third,)))
        recognizer.sink(RecognizedText("", True, 4))
        assert call_recognizer.timed_words == [first, third]
        await call_recognizer.close()

    run_virtual(scenario())


def test_events_go_to_the_sink() -> None:
    recognizer, events = Recognizer(), list[SpeechToTextEvent]()

    async def scenario() -> None:
        call_recognizer = CallRecognizer(recognizer, "en", events.append)
        call_recognizer.open()
        await asyncio.sleep(2)
        assert recognizer.sink is not None
        recognizer.sink(RecognizedText("hello", final=False))
        await call_recognizer.close()

    run_virtual(scenario())
    assert events == [RecognizedText("hello", final=False)]


def test_unreachable_recognizer_is_reported_once() -> None:
    error, events = ProviderError("fake", "refused"), list[SpeechToTextEvent]()

    async def scenario() -> None:
        call_recognizer = CallRecognizer(Recognizer(fails=error), "en", events.append)
        call_recognizer.open()
        await asyncio.sleep(2)
        use_once(call_recognizer, 1)  # harmless
        await call_recognizer.close()

    run_virtual(scenario())
    assert events == [SpeechToTextFailed(error)]


def test_internal_error_while_opening_is_reported_as_failed() -> None:
    events, contexts = list[SpeechToTextEvent](), list[dict[str, object]]()

    async def scenario() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: contexts.append(context))
        call_recognizer = CallRecognizer(Recognizer(fails=ZeroDivisionError()), "en", events.append)
        call_recognizer.open()
        await asyncio.sleep(2)
        await call_recognizer.close()

    run_virtual(scenario())
    assert [isinstance(event, SpeechToTextFailed) and event.error.reason for event in events] == [
        "internal fault: ZeroDivisionError"
    ]
    assert isinstance(contexts[0]["exception"], ZeroDivisionError)


class SlowRecognizer(Recognizer):
    """Returns its final text a second after it was requested."""

    def finalize(self, token: int) -> None:
        super().finalize(token)
        assert self.sink is not None
        asyncio.get_running_loop().call_later(1.0, self.sink, RecognizedText("good bye", final=True, token=token))


def last_words(within_s: float) -> tuple[str, list[SpeechToTextEvent]]:
    """Returns the last words, and the events that the sink got."""
    events = list[SpeechToTextEvent]()

    async def scenario() -> str:
        call_recognizer = CallRecognizer(SlowRecognizer(opens_after_s=0.1), "en", events.append)
        call_recognizer.open()
        await asyncio.sleep(0.2)
        text = await call_recognizer.last_words(within_s)
        await asyncio.sleep(2)
        await call_recognizer.close()
        return text

    return run_virtual(scenario()), events


def test_last_words_do_not_go_to_the_sink() -> None:
    assert last_words(1.5) == ("good bye", [])


def test_last_words_that_come_too_late_are_empty() -> None:
    assert last_words(0.5) == ("", [])


def test_next_turn_is_called_once_for_each_committed_turn() -> None:
    recognizer = Recognizer(opens_after_s=0.0)

    async def scenario() -> None:
        call_recognizer = CallRecognizer(recognizer, "en", lambda event: None)
        call_recognizer.open()
        await asyncio.sleep(0.1)
        for turn in (0, 1, 1, 2):
            call_recognizer.set_turn(turn)
        await call_recognizer.close()

    run_virtual(scenario())
    assert recognizer.calls == ["next", "next", "closed"]


def test_one_that_was_never_opened_opens_nothing_and_can_be_closed() -> None:
    recognizer = Recognizer()

    async def scenario() -> None:
        call_recognizer = CallRecognizer(recognizer, "en", lambda event: None)
        await asyncio.sleep(2)
        assert recognizer.sink is None
        await call_recognizer.close()

    run_virtual(scenario())
    assert recognizer.calls == []


def test_a_session_that_crashes_in_the_replay_is_closed() -> None:
    class Crashing(Recognizer):
        def push(self, ulaw: bytes) -> None:
            raise ZeroDivisionError

    recognizer = Crashing()

    async def scenario() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        call_recognizer = CallRecognizer(recognizer, "en", lambda event: None)
        call_recognizer.open()
        call_recognizer.push(b"x")
        await asyncio.sleep(2)
        await call_recognizer.close()

    run_virtual(scenario())
    assert recognizer.calls == ["closed"]


def test_closing_cancels_the_attempt_to_open() -> None:
    recognizer, events = Recognizer(), list[SpeechToTextEvent]()

    async def scenario() -> None:
        call_recognizer = CallRecognizer(recognizer, "en", events.append)
        call_recognizer.open()
        await asyncio.sleep(0.1)
        await call_recognizer.close()
        await asyncio.sleep(5)

    run_virtual(scenario())
    assert recognizer.cancelled
    assert recognizer.calls == []
    assert events == []


def last_words_after(*events: SpeechToTextEvent) -> tuple[str, float, list[SpeechToTextEvent]]:
    """What `last_words` returns if these events come 0.1 s apart, after how many seconds, and what the sink got."""
    got: list[SpeechToTextEvent] = []

    async def scenario() -> tuple[str, float]:
        recognizer, clock = Recognizer(opens_after_s=0.0), asyncio.get_running_loop().time
        call_recognizer = CallRecognizer(recognizer, "en", got.append)
        call_recognizer.open()
        await asyncio.sleep(0.1)
        sink = recognizer.sink
        assert sink is not None
        for number, event in enumerate(events, 1):
            asyncio.get_running_loop().call_later(number * 0.1, sink, event)
        began = clock()
        text = await call_recognizer.last_words(1.5)
        waited_s = clock() - began
        await call_recognizer.close()
        return text, round(waited_s, 3)

    return (*run_virtual(scenario()), got)


def test_a_part_of_the_last_words_that_is_final_is_not_all_of_them() -> None:
    part = RecognizedText("cancel it", final=True)
    older = RecognizedText("cancel it", final=True, token=7)
    whole = RecognizedText("cancel it no wait", final=True, token=LAST_TOKEN)
    assert last_words_after(part, older, whole) == ("cancel it no wait", 0.3, [])


def test_a_recognizer_may_take_last_words_back() -> None:
    part, nothing = RecognizedText("I'll let", final=True), RecognizedText("", final=True, token=LAST_TOKEN)
    assert last_words_after(part, nothing) == ("", 0.2, [])


def test_last_words_that_do_not_come_are_those_that_are_known() -> None:
    part = RecognizedText("cancel it", final=True)
    assert last_words_after(part) == ("cancel it", 1.5, [])
    assert last_words_after() == ("", 1.5, [])


def test_a_recognizer_that_fails_is_not_waited_for() -> None:
    failure = SpeechToTextFailed(ProviderError("fake", "gone"))
    assert last_words_after(RecognizedText("cancel it", final=True), failure) == ("cancel it", 0.2, [failure])
