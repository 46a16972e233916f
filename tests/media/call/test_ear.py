"""The ear: nothing that the caller says while the recogniser is being reached is lost, and a dead one is told."""

import asyncio

from media.call.ear import MOST_WAITING, Ear
from media.providers.ports import HearEvent, HearFailed, HearSession, HearSink, ProviderError, Transcript
from tests.virtual_time import run_virtual


class Recogniser:
    """A Hear that opens after a while, or fails; keeps what it is told."""

    name = "fake"

    def __init__(self, opens_after_s: float = 1.0, fails: BaseException | None = None) -> None:
        self._opens_after_s = opens_after_s
        self._fails = fails
        self.told: list[object] = []
        self.language = ""
        self.sink: HearSink | None = None
        self.given_up = False

    async def open(self, language: str, sink: HearSink) -> HearSession:
        self.language, self.sink = language, sink
        try:
            await asyncio.sleep(self._opens_after_s)
        except asyncio.CancelledError:
            self.given_up = True
            raise
        if self._fails is not None:
            raise self._fails
        return self

    def push(self, ulaw: bytes) -> None:
        self.told.append(ulaw)

    def started(self) -> None:
        self.told.append("started")

    def finalise(self, token: int) -> None:
        self.told.append(token)

    def next_turn(self) -> None:
        self.told.append("next")

    async def close(self) -> None:
        self.told.append("closed")


def tell(ear: Ear, number: int) -> list[object]:
    """One of everything; returns it."""
    audio = bytes([number]) * 160
    ear.push(audio)
    ear.started()
    ear.finalise(number)
    ear.next_turn()
    return [audio, "started", number, "next"]


def test_what_happens_before_the_session_is_open_is_played_to_it_in_order() -> None:
    recogniser = Recogniser()

    async def scenario() -> None:
        ear = Ear(recogniser, "de", lambda event: None)
        expected = tell(ear, 1)
        await asyncio.sleep(0.9)
        expected += tell(ear, 2)
        assert recogniser.told == []
        await asyncio.sleep(0.2)
        assert recogniser.told == expected
        expected += tell(ear, 3)
        assert recogniser.told == expected
        await ear.close()
        assert recogniser.told == [*expected, "closed"]

    run_virtual(scenario())
    assert recogniser.language == "de"


def test_the_newest_audio_is_kept_when_opening_takes_too_long() -> None:
    recogniser = Recogniser(opens_after_s=60)

    async def scenario() -> None:
        ear = Ear(recogniser, "en", lambda event: None)
        for number in range(MOST_WAITING + 3):
            ear.push(number.to_bytes(2, "big"))
        await asyncio.sleep(61)
        await ear.close()

    run_virtual(scenario())
    assert recogniser.told[0] == (3).to_bytes(2, "big")
    assert len(recogniser.told) == MOST_WAITING + 1


def test_events_go_to_the_sink() -> None:
    recogniser, heard = Recogniser(), list[HearEvent]()

    async def scenario() -> None:
        ear = Ear(recogniser, "en", heard.append)
        await asyncio.sleep(2)
        assert recogniser.sink is not None
        recogniser.sink(Transcript("hello", final=False))
        await ear.close()

    run_virtual(scenario())
    assert heard == [Transcript("hello", final=False)]


def test_a_recogniser_that_cannot_be_reached_is_told_once() -> None:
    error, heard = ProviderError("fake", "refused"), list[HearEvent]()

    async def scenario() -> None:
        ear = Ear(Recogniser(fails=error), "en", heard.append)
        await asyncio.sleep(2)
        tell(ear, 1)  # harmless
        await ear.close()

    run_virtual(scenario())
    assert heard == [HearFailed(error)]


def test_a_fault_of_ours_does_not_leave_a_deaf_call() -> None:
    heard, faults = list[HearEvent](), list[dict[str, object]]()

    async def scenario() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: faults.append(context))
        ear = Ear(Recogniser(fails=ZeroDivisionError()), "en", heard.append)
        await asyncio.sleep(2)
        await ear.close()

    run_virtual(scenario())
    assert [isinstance(event, HearFailed) and event.error.reason for event in heard] == [
        "internal fault: ZeroDivisionError"
    ]
    assert isinstance(faults[0]["exception"], ZeroDivisionError)


class Slow(Recogniser):
    """Has its final text a second after it was asked for one."""

    def finalise(self, token: int) -> None:
        super().finalise(token)
        assert self.sink is not None
        asyncio.get_running_loop().call_later(1.0, self.sink, Transcript("good bye", final=True, token=token))


def last_words(within_s: float) -> tuple[str, list[HearEvent]]:
    """What is given, and what the sink is told from then on."""
    heard = list[HearEvent]()

    async def scenario() -> str:
        ear = Ear(Slow(opens_after_s=0.1), "en", heard.append)
        await asyncio.sleep(0.2)
        text = await ear.last_words(within_s)
        await asyncio.sleep(2)
        await ear.close()
        return text

    return run_virtual(scenario()), heard


def test_last_words_are_given_to_whoever_asks_for_them_alone() -> None:
    assert last_words(1.5) == ("good bye", [])


def test_last_words_that_come_too_late_are_no_words() -> None:
    assert last_words(0.5) == ("", [])


def test_the_recogniser_starts_afresh_with_each_turn_that_was_taken() -> None:
    recogniser = Recogniser(opens_after_s=0.0)

    async def scenario() -> None:
        ear = Ear(recogniser, "en", lambda event: None)
        await asyncio.sleep(0.1)
        for turn in (0, 1, 1, 2):
            ear.follow(turn)
        await ear.close()

    run_virtual(scenario())
    assert recogniser.told == ["next", "next", "closed"]


def test_closing_gives_up_the_attempt_to_open() -> None:
    recogniser, heard = Recogniser(), list[HearEvent]()

    async def scenario() -> None:
        ear = Ear(recogniser, "en", heard.append)
        await asyncio.sleep(0.1)
        await ear.close()
        await asyncio.sleep(5)

    run_virtual(scenario())
    assert recogniser.given_up
    assert recogniser.told == []
    assert heard == []
