"""The scripted caller, in virtual time."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.carrier.caller import Caller
from simulator.carrier.mulaw import FRAME, FRAME_MS, SILENT_FRAME
from simulator.carrier.playout import PlayoutBuffer
from simulator.carrier.prepared_turn import PreparedTurn
from simulator.carrier.script import After, AfterAgent, BargeIn, Ending, Once, When
from tests.simulator.scripted_agent import tone


def speech(ms: int, when: When, label: str = "talk", tail_ms: int = 0) -> PreparedTurn:
    """A turn of `ms` of speech and `tail_ms` of silence."""
    sound = tone(ms)
    frames = [sound[at : at + FRAME] for at in range(0, len(sound), FRAME)]
    return PreparedTurn(label, when, (*frames, *(SILENT_FRAME,) * (tail_ms // FRAME_MS)), range(0, ms // FRAME_MS))


@dataclass
class Line:
    """A line with agent audio at given times. clears: times at which the agent's side clears the buffer."""

    caller: Caller
    audio: dict[int, int] = field(default_factory=dict)
    clears: tuple[int, ...] = ()
    playout: PlayoutBuffer = field(default_factory=PlayoutBuffer)
    sent: list[bytes] = field(default_factory=list)
    digits: dict[int, str] = field(default_factory=dict)
    held: list[int] = field(default_factory=list)
    hung_up_ms: int | None = None

    def run(self, limit_ms: int = 120_000) -> "Line":
        at_ms = 0
        while at_ms < limit_ms and self.hung_up_ms is None:
            step = self.caller.tick(at_ms, self.playout.advance(FRAME).audio)
            self.sent.append(step.frame)
            self.digits.update({at_ms: step.digits} if step.digits else {})
            self.held += [at_ms] if step.hold else []
            self.hung_up_ms = at_ms if step.hang_up else None
            self._agent(at_ms + 10)
            at_ms += FRAME_MS
        return self

    def _agent(self, now: int) -> None:
        if now in self.clears:
            self.playout.clear()
            self.caller.cleared(now)
        if now in self.audio:
            payload = tone(self.audio[now])
            begins = self.playout.play(payload)
            self.caller.arrived(payload, now, begins / 8)

    def speaks(self) -> list[int]:
        """When the caller begins to speak, in ms."""
        loud = [frame != SILENT_FRAME for frame in self.sent]
        return [n * FRAME_MS for n, on in enumerate(loud) if on and not (n and loud[n - 1])]


def test_caller_waits_for_the_end_of_the_greeting_and_silence() -> None:
    line = Line(Caller([speech(500, AfterAgent(600, 3_000))]), audio={110: 1_000}).run()
    assert line.speaks() == [1_720]  # plays from 120 to 1120


def test_pause_within_an_answer_is_not_its_end() -> None:
    line = Line(Caller([speech(500, AfterAgent(600, 3_000))]), audio={110: 1_000, 1_610: 1_000}).run()
    assert line.speaks() == [3_220]


def test_caller_speaks_when_a_silent_agent_reaches_the_timeout() -> None:
    line = Line(Caller([speech(500, AfterAgent(600, 3_000)), speech(200, AfterAgent(600, 4_000))])).run()
    assert line.speaks() == [3_000, 3_480 + 4_000]


def test_line_sends_frames_until_the_hang_up() -> None:
    line = Line(Caller([speech(500, AfterAgent(600, 3_000))])).run()
    assert {len(frame) for frame in line.sent} == {FRAME}
    assert line.hung_up_ms == (len(line.sent) - 1) * FRAME_MS


def test_latency_is_measured_from_the_last_speech_frame() -> None:
    caller = Caller([speech(500, After(0), tail_ms=400)])
    Line(caller, audio={730: 600}).run()
    (report,) = caller.reports
    assert (report.speech_began_ms, report.speech_ended_ms) == (0, 480)
    assert (report.answer_arrived_ms, report.answer_heard_ms) == (730, 740)
    assert report.latency_ms == 250


def test_barge_in_begins_at_the_given_time_of_the_answer() -> None:
    caller = Caller([speech(500, After(0)), speech(800, BargeIn(700))])
    line = Line(caller, audio={1_010: 5_000, 3_610: 400}, clears=(2_010,)).run()
    assert line.speaks() == [0, 1_720]  # plays from 1020
    first, second = caller.reports
    assert first.latency_ms == 530
    assert second.barge_in_ms == 2_010 - 1_720
    assert second.latency_ms == 3_610 - 2_500


def test_clear_of_a_silent_agent_is_not_a_barge_in() -> None:
    caller = Caller([speech(2_000, After(0))])
    Line(caller, audio={1_010: 800}, clears=(1_210,)).run()
    assert (caller.reports[0].cleared_ms, caller.reports[0].barge_in_ms) == (1_210, None)


def test_barge_in_waits_for_the_end_of_a_shorter_answer() -> None:
    line = Line(Caller([speech(500, After(0)), speech(500, BargeIn(3_000))]), audio={1_010: 400}).run()
    assert line.speaks() == [0, 2_020]  # 600 ms after the answer's end at 1420


def test_after_counts_from_the_end_of_the_last_turn() -> None:
    line = Line(Caller([speech(500, After(200)), speech(500, After(300))]), audio={10: 5_000}).run()
    assert line.speaks() == [200, 680 + 300]


def test_keys_are_sent_one_by_one_and_their_answer_is_measured() -> None:
    keys = PreparedTurn("keys 12", After(0), (SILENT_FRAME,) * 10, range(0, 6), {0: "1", 5: "2"})
    caller = Caller([keys])
    assert Line(caller, audio={410: 400}).run().digits == {0: "1", 100: "2"}
    assert caller.reports[0].latency_ms == 310


def test_held_frames_are_marked() -> None:
    made = speech(200, After(0))
    line = Line(Caller([PreparedTurn("x", After(0), made.frames, made.sounds, {}, range(2, 5))])).run()
    assert line.held == [40, 60, 80]


def test_silent_turn_keeps_the_answer_before_it() -> None:
    rest = PreparedTurn("rest", AfterAgent(600, 3_000), (SILENT_FRAME,) * 50)
    caller = Caller([speech(500, After(0)), rest, speech(500, AfterAgent(600, 9_000))])
    line = Line(caller, audio={1_010: 400}).run()
    assert line.speaks() == [0, 2_020 + 1_000]
    assert len(caller.reports) == 2


def test_hang_up_turn_ends_the_call() -> None:
    caller = Caller([speech(500, After(0)), PreparedTurn("hang-up", BargeIn(300), hangs_up=True)])
    assert Line(caller, audio={1_010: 5_000}).run().hung_up_ms == 1_320


def test_caller_waits_for_the_last_answer() -> None:
    ending = Ending(quiet_ms=1_500, timeout_ms=5_000)
    heard = Line(Caller([speech(500, After(0))], ending), audio={1_010: 2_000, 3_610: 400}).run()
    assert heard.hung_up_ms == 4_020 + 1_500
    assert Line(Caller([speech(500, After(0))], ending)).run().hung_up_ms == 480 + 5_000


def test_caller_hangs_up_on_an_endless_answer() -> None:
    caller = Caller([speech(500, After(0))], Ending(longest_ms=20_000))
    assert Line(caller, audio={1_010: 90_000}).run().hung_up_ms == 20_480


def test_done_is_true_after_every_turn() -> None:
    caller = Caller([speech(100, After(0))])
    assert not caller.done
    Line(caller).run()
    assert caller.done


whens = st.one_of(
    st.builds(AfterAgent, st.integers(0, 1_500), st.integers(0, 4_000)),
    st.builds(BargeIn, st.integers(0, 1_500), st.integers(0, 4_000)),
    st.builds(After, st.integers(0, 2_000)),
)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 20), whens), max_size=4),
    st.dictionaries(st.integers(0, 400).map(lambda n: n * 20 + 10), st.integers(20, 900), max_size=8),
    st.lists(st.integers(0, 400).map(lambda n: n * 20 + 10), max_size=3),
)
def test_every_turn_is_played_once_in_order_and_the_call_always_ends(
    turns: list[tuple[int, When]], audio: dict[int, int], clears: list[int]
) -> None:
    prepared = [speech(frames * FRAME_MS, when, str(n)) for n, (frames, when) in enumerate(turns)]
    caller = Caller(prepared, Ending(500, 3_000, 5_000))
    line = Line(caller, audio, tuple(clears)).run()
    assert line.hung_up_ms is not None
    assert [report.label for report in caller.reports] == [str(n) for n in range(len(turns))]
    assert b"".join(frame for frame in line.sent if frame != SILENT_FRAME) == b"".join(
        frame for turn in prepared for frame in turn.frames
    )
    for report, following in zip(caller.reports, caller.reports[1:], strict=False):
        assert report.speech_ended_ms is not None and following.speech_began_ms is not None
        assert report.speech_ended_ms < following.speech_began_ms
        assert report.latency_ms is None or report.latency_ms > 0


@pytest.mark.parametrize(("happens_ms", "begins_ms"), [(2_000, 2_000), (9_000, 480 + 4_000)])
def test_a_turn_begins_once_something_has_happened_or_patience_is_over(happens_ms: int, begins_ms: int) -> None:
    def happened() -> bool:
        return len(line.sent) * FRAME_MS >= happens_ms

    line = Line(Caller([speech(500, After(0)), speech(500, Once(happened, 4_000))]), audio={700: 5_000})
    assert line.run().speaks() == [0, begins_ms]
