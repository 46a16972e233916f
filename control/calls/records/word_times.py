"""When each word of an utterance was said: as the vendor told, or estimated by the words' lengths. Pure.

An utterance has its vendor's times as `word_ms`: start and end of each of its words, one after the other, in ms since
the call began. They are stored beside the utterances and hold no text, so that nothing can be left in them that is
redacted in the utterances.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from control.redaction.finder import SensitiveSpan, is_redacted, leave_out, placeholder

Utterance = Mapping[str, Any]
WordTiming = Literal["vendor", "estimated"]
# What white space separates; a placeholder is one word, or part of one.
_WORD: Final = re.compile(r"(?:\[redacted: [a-z -]{1,20}\]|\S)+")
_KEY: Final = ("speaker", "start_ms", "end_ms")
# A vendor hears a word a little before or after our detector of speech does. Times that are further from the utterance
# are of another clock, or of earlier words.
_MOST_OUTSIDE_MS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Word:
    """A word of an utterance. Times are in ms since the call began."""

    speaker: Annotated[
        str,
        Field(
            description="Who spoke: `caller`, `agent`, or `person`, who spoke in the agent's place.",
            examples=["caller"],
        ),
    ]
    text: Annotated[str, Field(description="What was heard.", examples=["I need an appointment."])]
    start_ms: Annotated[int, Field(description="Beginning, in ms since the call began.", examples=[4200])]
    end_ms: Annotated[int, Field(description="End, in ms since the call began.", examples=[5900])]
    timing: Annotated[WordTiming, Field(description="Who knows them.")]


def make_words(utterance: Utterance) -> Iterator[Word]:
    """The words with the vendor's times, if it told all of them in order, near the utterance; else the words share the
    utterance's time by their lengths."""
    speaker, texts = utterance["speaker"], _WORD.findall(utterance["text"])
    times = vendor_times(utterance)
    timing: WordTiming = "vendor" if times else "estimated"
    for text, (start_ms, end_ms) in zip(texts, times or _estimate(utterance, texts), strict=True):
        yield Word(speaker, text, start_ms, end_ms, timing)


def vendor_times(utterance: Utterance) -> Sequence[tuple[int, int]]:
    """Start and end of each word by the vendor; empty if they are not known, or cannot be right."""
    flat = utterance.get("word_ms") or ()
    times = list(zip(flat[::2], flat[1::2], strict=False))
    if not times or len(flat) != 2 * len(_WORD.findall(utterance["text"])):
        return ()
    starts = [start for start, _ in times]
    is_ordered = all(start <= end for start, end in times) and all(a <= b for a, b in pairwise(starts))
    first, last = utterance["start_ms"] - _MOST_OUTSIDE_MS, utterance["end_ms"] + _MOST_OUTSIDE_MS
    is_near = first <= starts[0] and max(end for _, end in times) <= last
    return times if is_ordered and is_near else ()


def find_gaps(utterance: Utterance) -> Sequence[tuple[int, int]]:
    """Where what was redacted was said, by the vendor's times: from the end of the last word before it to the start of
    the first one after it, because what was not understood in between may be a part of it. At the edges, those of the
    utterance or the words, whichever are further out. Empty if the times are not known."""
    times = vendor_times(utterance)
    texts = _WORD.findall(utterance["text"]) if times else ()
    spans = []
    for at, text in enumerate(texts):
        if is_redacted(text):
            start = times[at - 1][1] if at else utterance["start_ms"]
            end = times[at + 1][0] if at + 1 < len(times) else utterance["end_ms"]
            spans.append((min(start, times[at][0]), max(end, times[at][1])))
    return spans


def redact_utterance(utterance: Utterance, spans: Sequence[SensitiveSpan]) -> Mapping[str, Any]:
    """The utterance with placeholders in place of the spans of its text, in their order. A word with a placeholder has
    the time of all words that it stands for."""
    if not spans:
        return utterance
    text, words = utterance["text"], utterance.get("word_ms") or ()
    redacted = {name: value for name, value in utterance.items() if name != "word_ms"}
    redacted["text"] = leave_out(text, spans)
    places = [found.span() for found in _WORD.finditer(text)]
    if not words or len(words) != 2 * len(places):
        return redacted
    starts, ends = [start for start, _ in places], [end for _, end in places]
    word_ms: list[int] = []
    for found in _WORD.finditer(redacted["text"]):
        first = bisect_right(ends, _place_before(found.start(), spans))
        upto = bisect_left(starts, _place_before(found.end(), spans, is_end=True))
        if first >= upto:  # none of its words is known
            return redacted
        word_ms += words[2 * first], max(words[2 * first + 1 : 2 * upto : 2])
    return {**redacted, "word_ms": word_ms}


def with_word_times(utterances: Sequence[Utterance], times: Iterable[Utterance] | None) -> list[dict[str, Any]]:
    """Utterances as they are stored, with their words' times. The version before stores none: its utterances have no
    times, or, after a redaction, those that do not fit their words any more."""
    known = {tuple(one[name] for name in _KEY): one["word_ms"] for one in times or ()}
    joined = []
    for utterance in utterances:
        word_ms = known.get(tuple(utterance[name] for name in _KEY))
        joined.append({**utterance, "word_ms": word_ms} if word_ms else dict(utterance))
    return joined


def split_word_times(utterances: Iterable[Utterance]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Utterances without the times of their words, and these times, as both are stored."""
    said, times = [], []
    for utterance in utterances:
        said.append({name: value for name, value in utterance.items() if name != "word_ms"})
        if utterance.get("word_ms"):
            times.append({**{name: utterance[name] for name in _KEY}, "word_ms": utterance["word_ms"]})
    return said, times


def _estimate(utterance: Utterance, texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Each word has the share of its characters and the gap behind it."""
    start_ms, length_ms = utterance["start_ms"], utterance["end_ms"] - utterance["start_ms"]
    whole, at = sum(len(text) + 1 for text in texts), 0
    for text in texts:
        upto = at + len(text) + 1
        yield start_ms + length_ms * at // whole, start_ms + length_ms * upto // whole
        at = upto


def _place_before(place: int, spans: Sequence[SensitiveSpan], *, is_end: bool = False) -> int:
    """Where a place of the redacted text is in the text before. Of one within a placeholder: the start of what it
    stands for, or the end."""
    shift = 0
    for span in spans:
        size = len(placeholder(span.kind))
        start = span.start + shift
        if place < start or (is_end and place == start):
            break
        if place < start + size or (is_end and place == start + size):
            return span.end if is_end else span.start
        shift += size - (span.end - span.start)
    return place - shift


# What was said so far: speaker, text, start_ms, end_ms each, and word_ms where the vendor told
# (control/calls/records/word_times.py).
Utterances = Sequence[Mapping[str, Any]]
