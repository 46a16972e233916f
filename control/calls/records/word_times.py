"""When each word of an utterance was said: reported by the vendor, or estimated from the words' lengths. Pure
functions.

`word_ms` holds the vendor's times of an utterance: start and end of each word in order, in ms since the call began. The
times are stored separately from the utterances and contain no text, so they cannot contain what is redacted in the
utterances.
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
# A vendor may detect a word a little before or after our speech detector does. Times that are further from the
# utterance have another clock, or belong to earlier words.
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
    """Yields the words with the vendor's times, if all of them are present, in order and near the utterance.

    Otherwise the words share the utterance's time by their lengths.
    """
    speaker, texts = utterance["speaker"], _WORD.findall(utterance["text"])
    times = vendor_times(utterance)
    timing: WordTiming = "vendor" if times else "estimated"
    for text, (start_ms, end_ms) in zip(texts, times or _estimate(utterance, texts), strict=True):
        yield Word(speaker, text, start_ms, end_ms, timing)


def vendor_times(utterance: Utterance) -> Sequence[tuple[int, int]]:
    """Returns the vendor's start and end of each word; empty if they are unknown or implausible."""
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
    """Returns when redacted words were said, by the vendor's times.

    A gap lasts from the end of the last word before it to the start of the first word after it, because sounds in
    between may belong to it. At the edges, it extends to the limits of the utterance or of the words, whichever are
    further out. The result is empty if the times are unknown.
    """
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
    """Returns the utterance with placeholders in place of the spans of its text, which are in order.

    A word with a placeholder gets the time of all words that it replaces.
    """
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
        if first >= upto:  # the times of its words are unknown
            return redacted
        word_ms += words[2 * first], max(words[2 * first + 1 : 2 * upto : 2])
    return {**redacted, "word_ms": word_ms}


def with_word_times(utterances: Sequence[Utterance], times: Iterable[Utterance] | None) -> list[dict[str, Any]]:
    """Returns stored utterances with their words' times.

    The previous version stores no times of words: its utterances have no times or, after a redaction, times that no
    longer match their words.
    """
    known = {tuple(stored[name] for name in _KEY): stored["word_ms"] for stored in times or ()}
    joined = []
    for utterance in utterances:
        word_ms = known.get(tuple(utterance[name] for name in _KEY))
        joined.append({**utterance, "word_ms": word_ms} if word_ms else dict(utterance))
    return joined


def split_word_times(utterances: Iterable[Utterance]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Splits utterances into their stored form without the times of words, and the stored times."""
    said, times = [], []
    for utterance in utterances:
        said.append({name: value for name, value in utterance.items() if name != "word_ms"})
        if utterance.get("word_ms"):
            times.append({**{name: utterance[name] for name in _KEY}, "word_ms": utterance["word_ms"]})
    return said, times


def _estimate(utterance: Utterance, texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Estimates the times: each word gets the share of its characters and the following gap."""
    start_ms, length_ms = utterance["start_ms"], utterance["end_ms"] - utterance["start_ms"]
    whole, at = sum(len(text) + 1 for text in texts), 0
    for text in texts:
        upto = at + len(text) + 1
        yield start_ms + length_ms * at // whole, start_ms + length_ms * upto // whole
        at = upto


def _place_before(place: int, spans: Sequence[SensitiveSpan], *, is_end: bool = False) -> int:
    """Maps a position in the redacted text to the original text.

    A position within a placeholder maps to the start or the end of the replaced text.
    """
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


# The utterances so far: speaker, text, start_ms and end_ms of each, and word_ms if the vendor reported it
# (control/calls/records/word_times.py).
Utterances = Sequence[Mapping[str, Any]]
