"""The dialect of recognizers whose transcript knows by itself when an answer is there, over a line that records."""

from dataclasses import dataclass, field

import pytest

from media.providers.ports import RecognizedText, TurnSignal
from media.providers.turn_dialect import TurnDialect

ANSWER_S = 0.8


@dataclass
class Line:
    """What a session does for its dialect. waits: seconds of the deadline, None where it was cancelled."""

    sent: list[bytes | str] = field(default_factory=list)
    events: list[RecognizedText | TurnSignal] = field(default_factory=list)
    waits: list[float | None] = field(default_factory=list)
    position_ms: float = 0.0

    @property
    def is_waiting(self) -> bool:
        return bool(self.waits) and self.waits[-1] is not None

    def flush(self) -> None:
        self.sent.append("the rest")

    def take_unsent(self) -> bytes:
        return b""

    def send(self, message: bytes | str) -> None:
        self.sent.append(message)

    def report(self, event: RecognizedText | TurnSignal) -> None:
        self.events.append(event)

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)

    def cancel_wait(self) -> None:
        self.waits.append(None)


@dataclass
class Transcript:
    """Each message is a text, which is the answer if it ends in a stop. request: what asks for one."""

    request: str = "text, please"
    token: int | None = None
    text: str = ""

    def started(self, position_ms: float) -> None:
        pass

    def finalize(self, token: int, position_ms: float) -> str:
        self.token = token
        return self.request

    def next_turn(self) -> None:
        self.token = None

    def read(self, message: bytes, position_ms: float) -> RecognizedText | None:
        self.text = message.decode()
        is_answer = self.token is not None and self.text.endswith(".")
        return RecognizedText(self.text, final=is_answer, token=self.token if is_answer else None)

    def take_signal(self) -> TurnSignal | None:
        return None

    def settle(self, *, is_overdue: bool) -> RecognizedText | None:
        return RecognizedText(self.text, final=True, token=self.token) if is_overdue else None


@pytest.fixture
def line() -> Line:
    return Line()


def test_what_is_left_of_the_audio_goes_before_the_request(line: Line) -> None:
    TurnDialect(Transcript(), ANSWER_S).finalize(line, 1)
    assert line.sent == ["the rest", "text, please"]
    assert line.waits == [ANSWER_S]


def test_where_nothing_is_asked_the_text_is_looked_at_once_and_again_later(line: Line) -> None:
    dialect = TurnDialect(Transcript(request=""), ANSWER_S)
    dialect.finalize(line, 1)
    assert line.waits == [0.0]
    dialect.expire(line)  # it is not overdue yet
    assert (line.events, line.waits) == ([], [0.0, ANSWER_S])
    dialect.expire(line)
    assert line.events == [RecognizedText("", final=True, token=1)]


def test_a_vendor_that_says_something_new_is_given_more_time(line: Line) -> None:
    dialect = TurnDialect(Transcript(), ANSWER_S)
    dialect.read(line, b"one")  # nobody waits
    assert line.waits == []
    dialect.finalize(line, 1)
    dialect.read(line, b"one")  # nothing new
    assert line.waits == [ANSWER_S]
    dialect.read(line, b"one two")
    assert line.waits == [ANSWER_S, ANSWER_S]
    dialect.read(line, b"one two.")
    assert line.waits == [ANSWER_S, ANSWER_S, None]


def test_a_turn_that_was_taken_waits_for_nothing(line: Line) -> None:
    dialect = TurnDialect(Transcript(), ANSWER_S)
    dialect.finalize(line, 1)
    dialect.next_turn(line)
    assert line.waits == [ANSWER_S, None]


def test_the_first_message_is_sent_once_and_a_greeting_is_awaited(line: Line) -> None:
    dialect = TurnDialect(Transcript(), ANSWER_S, first_message=b"settings")
    dialect.opened(line)
    assert (line.sent, dialect.is_ready) == ([b"settings"], False)
    dialect.read(line, b"hello")
    assert dialect.is_ready
    silent = TurnDialect(Transcript(), ANSWER_S, greets=False)
    silent.opened(line)
    assert (line.sent, silent.is_ready) == ([b"settings"], True)
