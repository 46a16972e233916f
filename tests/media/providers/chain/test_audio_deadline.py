"""The deadline of a voice's next audio."""

from media.providers.chain.audio_deadline import AudioDeadline, AudioLimits


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def make_deadline(*, whole_clauses: bool = False) -> tuple[AudioDeadline, Clock, list[float]]:
    clock = Clock()
    started: list[float] = []
    deadline = AudioDeadline(clock, AudioLimits(2.0, 2.0), whole_clauses=whole_clauses)
    deadline.on_start = lambda: started.append(clock.now)
    return deadline, clock, started


def test_deadline_starts_at_the_first_clause_for_a_voice_that_streams_text() -> None:
    deadline, clock, started = make_deadline()
    deadline.add_text("Good ")
    assert deadline.started_at is None
    clock.now = 1.0
    deadline.add_text("morning, ")
    clock.now = 2.0
    deadline.add_text("how are you?")
    assert deadline.started_at == 1.0
    assert started == [1.0]


def test_deadline_starts_after_enough_words_without_a_clause_end() -> None:
    deadline, _, _ = make_deadline()
    deadline.add_text("this goes on and on ")
    assert deadline.started_at is None
    deadline.add_text("without any mark at all")
    assert deadline.started_at == 0.0


def test_deadline_starts_at_the_first_piece_for_a_voice_that_takes_clauses() -> None:
    deadline, _, _ = make_deadline(whole_clauses=True)
    deadline.add_text("Well")
    assert deadline.started_at == 0.0


def test_empty_piece_after_text_starts_the_deadline() -> None:
    deadline, _, _ = make_deadline()
    deadline.add_text("")
    deadline.add_text("One moment")
    assert deadline.started_at is None
    deadline.add_text("")
    assert deadline.started_at == 0.0


def test_punctuation_alone_never_starts_the_deadline() -> None:
    deadline, _, _ = make_deadline()
    deadline.add_text("...")
    deadline.end_text()
    assert deadline.started_at is None


def test_audio_stops_the_deadline_until_more_text_comes() -> None:
    deadline, clock, started = make_deadline()
    deadline.add_text("Good morning. ")
    clock.now = 1.0
    deadline.audio_received()
    assert deadline.started_at is None
    deadline.add_text("How ")
    assert deadline.started_at is None
    clock.now = 2.0
    deadline.end_text()
    assert deadline.started_at == 2.0
    clock.now = 3.0
    deadline.audio_received()
    assert deadline.started_at == 3.0  # the text is complete: the next audio, or the end, is due at once
    assert started == [0.0, 2.0]


def test_expiry_counts_from_the_later_of_start_and_wait() -> None:
    deadline, _, _ = make_deadline(whole_clauses=True)
    assert deadline.expires_at(5.0) is None
    deadline.add_text("Hello.")
    assert deadline.expires_at(-1.0) == 2.0
    assert deadline.expires_at(5.0) == 7.0


def test_the_end_of_the_text_is_due_although_audio_of_all_its_words_has_begun() -> None:
    deadline, clock, started = make_deadline()
    deadline.add_text("Good morning. ")
    deadline.audio_received()
    clock.now = 1.0
    deadline.end_text()
    assert deadline.started_at == 1.0
    assert started == [0.0, 1.0]
