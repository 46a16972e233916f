"""The list of the family `short_requests`: what it holds, that it is new to every model, and how a call is scored."""

import lzma
import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

import pytest
import soundfile  # type: ignore[import-untyped]  # ships no types

from lab.listening.clips import LIST as CLIPS
from lab.listening.clips import TURNS, read_clips
from lab.listening.short_requests import (
    LIST,
    ShortRequest,
    ShortRequestCase,
    read_requests,
    run_short_requests,
    short_request_table,
    word_errors,
)
from lab.listening.virtual_call import CallSetup, ListeningEngines
from media.providers.local.speech import Recognition
from media.turn.backchannels import split_words
from shared.plan import TurnPlan
from tools.completeness.corpus import DATA
from tools.completeness.sentence_generator import ANSWERS

REQUESTS: Final = read_requests()
# A tab parts what was asked from an answer, or a text from its labels.
SENTENCE_END: Final = re.compile(r"(?<=[.!?])\s+|\t")


def words_of(text: str) -> str:
    """The words without case and punctuation."""
    return " ".join(split_words(text))


def training_lines() -> Iterator[str]:
    for path in sorted(DATA.iterdir()):
        if path.suffixes == [".txt"] or path.suffix == ".xz":
            content = path.read_bytes()
            yield from (lzma.decompress(content) if path.suffix == ".xz" else content).decode().splitlines()


def test_texts_and_voices_are_split_into_two_halves() -> None:
    halves = {name: [request for request in REQUESTS if request.set == name] for name in ("development", "held_out")}
    counts = [len(requests) for requests in halves.values()]
    assert sum(counts) == len(REQUESTS) >= 150
    assert abs(counts[0] - counts[1]) <= 1
    voices = [{(request.engine, request.voice) for request in requests} for requests in halves.values()]
    assert not voices[0] & voices[1]
    assert all(len(some) >= 4 for some in voices)
    assert max(Counter(words_of(request.text) for request in REQUESTS).values()) == 1


def test_texts_are_short_and_of_many_kinds() -> None:
    lengths = Counter(len(split_words(request.text)) for request in REQUESTS)
    assert min(lengths) == 1
    assert max(lengths) <= 10
    kinds = Counter(request.kind for request in REQUESTS)
    assert set(kinds) == {"answer", "confirmation", "goodbye", "greeting", "question", "request"}
    assert all(request.question for request in REQUESTS)


def test_no_text_occurs_in_training_data() -> None:
    known = {" ".join(answer) for answer in ANSWERS}
    known |= {words_of(clip.text) for path in (CLIPS, TURNS) for clip in read_clips(path=path)}
    for line in training_lines():
        line = line.replace(" / ", " ")
        known.add(words_of(line.rpartition("\t")[2]))
        known |= {words_of(sentence) for sentence in SENTENCE_END.split(line)}
    assert len(known) > 100_000
    assert [request.text for request in REQUESTS if words_of(request.text) in known] == []


def test_each_request_has_a_telephone_recording() -> None:
    files = {path.stem for path in LIST.parent.glob("*.flac")}
    assert files == {request.name for request in REQUESTS}
    for request in REQUESTS:
        assert soundfile.info(LIST.with_name(f"{request.name}.flac")).samplerate == 8_000
    size = sum(path.stat().st_size for path in LIST.parent.iterdir())
    assert size < 3_000_000


class FixedText:
    """A recognizer that returns the same text for every sound."""

    def __init__(self, text: str) -> None:
        self._text = text

    def transcribe(self, pcm: bytes, sample_rate: int) -> Recognition:
        return Recognition(self._text, 1.0)


def run_one(request: ShortRequest, text: str, silence_ms: int) -> ShortRequestCase:
    setup = CallSetup(turn=TurnPlan(silence_ms=silence_ms, adaptive=False))
    (case,) = run_short_requests([request], setup, ListeningEngines(FixedText(text)))
    return case


def test_response_counts_from_the_true_end_of_speech() -> None:
    request = next(request for request in REQUESTS if request.text == "I have a flat tire.")
    case = run_one(request, "I have a flat fire.", 600)
    assert case.response_ms == pytest.approx(600 + 200 + 80, abs=120)
    assert (case.heard, case.errors, case.words) == ("I have a flat fire.", 1, 5)
    assert not case.was_cut


def test_an_answer_within_the_turn_is_a_cut() -> None:
    request = next(request for request in REQUESTS if request.text.startswith("Yes, but use my new email"))
    assert run_one(request, request.text, 100).was_cut  # at its own pause of 610 ms


@pytest.mark.parametrize(
    ("heard", "errors"),
    [("do you take delta", 0), ("do you take the altar", 2), ("you take delta", 1), ("", 4)],
)
def test_word_errors_counts_replaced_missing_and_added_words(heard: str, errors: int) -> None:
    assert word_errors(["do", "you", "take", "delta"], heard.split()) == errors


def test_table_has_times_late_turns_and_word_errors_by_kind() -> None:
    cases = [
        ShortRequestCase("a", "answer", "rms", 2, "half past", 1, was_cut=False, response_ms=700.0),
        ShortRequestCase("b", "question", "awb", 3, "", 3, was_cut=True, response_ms=None),
    ]
    rows = list(short_request_table(cases))
    assert rows[2] == "| answer | 1 | 700, 700 | 0.0% | 0 | 0.0% | 50.0% | 0 |"
    assert rows[-1] == "| all | 2 | 700, 700 | 50.0% | 1 | 50.0% | 80.0% | 1 |"
    assert list(short_request_table([])) == []
