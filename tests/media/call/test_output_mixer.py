"""The output mixer: a person takes the line from the agent, and gives it back where the agent was interrupted."""

import random

from hypothesis import given
from hypothesis import strategies as st

from media.call.live_voice import LONGEST_AHEAD_MS
from media.call.output_mixer import OutputMixer
from media.call.utterance import Utterance
from media.providers.ports import SpeechChunk, TimedWord
from tests.media.call.simulated_carrier import BYTES_PER_MS, SimulatedCarrier

FRAME_MS = 20
# Each ms of the agent's audio, and of the person's, can be told from all others.
AGENT = random.Random(1).randbytes(4_000 * BYTES_PER_MS).replace(b"\xff", b"\xfe")
PERSON = random.Random(2).randbytes(20_000 * BYTES_PER_MS).replace(b"\xff", b"\xfe")
WORD_MS = 400


class Line:
    """A mixer and its carrier. heard: what was reported as heard, with its time."""

    def __init__(self, carrier: SimulatedCarrier | None = None) -> None:
        self.carrier = carrier or SimulatedCarrier()
        self.mixer = OutputMixer(self.carrier)
        self.heard: list[tuple[bytes, float]] = []
        self.mixer.set_heard_readers((lambda audio, at: self.heard.append((audio, at)),))
        self.freed = 0
        self.spoken_ms = 0

    @property
    def now(self) -> int:
        return self.carrier.now

    def agent_says(self, ms: int = 4_000) -> None:
        self.mixer.agent.begin(Utterance(1), self.now)
        words = tuple(TimedWord(f"w{at}", at, at + WORD_MS) for at in range(0, ms, WORD_MS))
        self.mixer.agent.receive(SpeechChunk(AGENT[: ms * BYTES_PER_MS], words), self.now)
        self.mixer.agent.complete(self.now)

    def wait(self, ms: int) -> None:
        for _ in range(ms):
            for name in self.carrier.step():
                self.mixer.agent.on_mark(name, self.now)
            if self.now % 100 == 0:
                self.freed += self.mixer.tick(self.now)

    def person_says(self, ms: int) -> None:
        """In real time."""
        for _ in range(ms // FRAME_MS):
            start = self.spoken_ms * BYTES_PER_MS
            self.mixer.push_person(PERSON[start : start + FRAME_MS * BYTES_PER_MS], self.now)
            self.spoken_ms += FRAME_MS
            self.wait(FRAME_MS)

    @property
    def played(self) -> bytes:
        return b"".join(run.audio for run in self.carrier.runs)


def test_person_is_heard_at_once_and_the_agent_goes_on_at_the_word_that_was_cut() -> None:
    line = Line()
    line.agent_says()
    line.wait(1_000)
    line.mixer.begin_person(line.now)
    line.person_says(600)
    line.mixer.end_person(line.now)
    line.wait(200)
    assert line.freed == 1 and not line.mixer.has_person
    line.wait(4_000)
    cut, resumed = 1_000 * BYTES_PER_MS, 800 * BYTES_PER_MS  # within the third word, which begins at 800 ms
    assert line.played == AGENT[:cut] + PERSON[: 600 * BYTES_PER_MS] + AGENT[resumed:]
    assert line.mixer.agent.finished(line.now) and line.mixer.silent(line.now)


def test_all_that_the_caller_heard_of_both_is_reported_in_order_with_its_time() -> None:
    line = Line()
    line.agent_says()
    line.wait(1_000)
    line.mixer.begin_person(line.now)
    line.person_says(600)
    line.mixer.end_person(line.now)
    line.wait(4_500)
    line.mixer.settle(line.now)
    assert b"".join(audio for audio, _ in line.heard) == line.played
    for (audio, at), (_, following) in zip(line.heard, line.heard[1:], strict=False):
        assert at + len(audio) / BYTES_PER_MS <= following + 2


def test_agent_that_was_silenced_before_stays_silent_when_the_line_is_free() -> None:
    line = Line()
    line.agent_says()
    line.wait(500)
    line.mixer.agent.hold(line.now)
    line.mixer.begin_person(line.now)
    line.person_says(200)
    line.mixer.end_person(line.now)
    line.wait(1_000)
    assert not line.mixer.has_person and line.mixer.agent.held
    line.mixer.agent.resume(line.now)
    line.wait(5_000)
    assert line.played.endswith(AGENT[400 * BYTES_PER_MS :])


def test_words_that_the_agent_gets_or_resumes_meanwhile_wait_for_the_line() -> None:
    line = Line()
    line.mixer.begin_person(line.now)
    line.agent_says(1_000)
    line.mixer.agent.hold(line.now)
    line.mixer.agent.resume(line.now)
    line.person_says(400)
    assert line.played == PERSON[: 400 * BYTES_PER_MS]
    line.mixer.end_person(line.now)
    line.wait(2_000)
    assert line.played == PERSON[: 400 * BYTES_PER_MS] + AGENT[: 1_000 * BYTES_PER_MS]


def test_agent_that_is_interrupted_meanwhile_does_not_go_on() -> None:
    line = Line()
    line.agent_says()
    line.wait(500)
    line.mixer.begin_person(line.now)
    line.mixer.agent.drop(line.now)
    line.mixer.end_person(line.now)
    line.wait(2_000)
    assert line.played == AGENT[: 500 * BYTES_PER_MS]


def test_a_burst_of_a_persons_audio_is_dropped_beyond_the_bound() -> None:
    line = Line()
    line.mixer.begin_person(line.now)
    line.mixer.push_person(PERSON[: 160 * 15], line.now)
    line.mixer.push_person(PERSON[160 * 15 : 160 * 30], line.now)
    line.wait(1_000)
    assert line.played == PERSON[: 160 * 15]
    assert line.mixer.person.dropped_ms == 300 and len(line.played) / BYTES_PER_MS <= LONGEST_AHEAD_MS


def test_audio_of_no_person_is_ignored() -> None:
    line = Line()
    line.mixer.push_person(PERSON[:160], line.now)
    line.mixer.end_person(line.now)
    line.wait(500)
    assert line.played == b"" and line.freed == 0


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["agent", "hold", "resume", "lower", "person", "take", "give", "wait"]), st.integers(1, 30)
        ),
        max_size=25,
    ),
    st.lists(st.integers(0, 60), min_size=1, max_size=3),
)
def test_no_audio_of_both_is_mixed_up_and_what_is_heard_is_what_was_played(
    steps: list[tuple[str, int]], delays: list[int]
) -> None:
    line = Line(SimulatedCarrier(back_ms=delays))
    for step, size in steps:
        match step:
            case "agent" if line.mixer.agent.finished(line.now):
                line.agent_says(size * WORD_MS // 3)
            case "hold":
                line.mixer.agent.hold(line.now)
            case "resume":
                line.mixer.agent.resume(line.now)
            case "lower":
                line.mixer.agent.lower(line.now)
            case "person":
                line.person_says(size * FRAME_MS)
            case "take":
                line.mixer.begin_person(line.now)
            case "give":
                line.mixer.end_person(line.now)
            case _:
                line.wait(size * 10)
        if line.mixer.has_person:
            assert line.mixer.agent.held or line.mixer.agent.finished(line.now) or line.mixer.agent.utterance is None
    line.mixer.end_person(line.now)
    line.mixer.agent.resume(line.now)
    line.wait(6_000)
    line.mixer.settle(line.now)
    assert line.mixer.silent(line.now) and not line.mixer.has_person
    heard, played = b"".join(audio for audio, _ in line.heard), line.played
    assert abs(len(heard) - len(played)) <= 2 * 160 * (1 + line.carrier.clears)
