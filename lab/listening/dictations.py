"""Family "dictations": numbers, addresses and dates said in groups with pauses, by the local voice."""

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Final

import msgspec
import numpy as np

from lab.listening.sound import PER_MS, USUAL_DB, Samples, at_level, room_noise, to_frames, trim
from lab.listening.virtual_call import CallSetup, ListeningEngines, run_call
from media.providers.local.voice import Voice

GROUP_PAUSES_MS: Final = (500, 800, 1_200)
QUESTION_MS: Final = 2_000
LEAD_MS, TAIL_MS = 800, 6_000


class Dictation(msgspec.Struct, frozen=True):
    """What is dictated. question: of the agent, "" if it did not ask. groups: said one after the other."""

    name: str
    question: str
    groups: tuple[str, ...]


DICTATIONS: Final = (
    Dictation("3-3-4, asked", "What is your phone number?", ("four one five", "five five five", "two six seven one")),
    Dictation("3-3-4, unasked", "", ("my number is four one five", "five five five", "two six seven one")),
    Dictation(
        "16 digits",
        "What is your card number?",
        ("four two four two", "one eight seven five", "three zero six nine", "two two six four"),
    ),
    Dictation("8-digit reference", "What is your reference number?", ("four seven one three", "nine zero two six")),
    Dictation(
        "8-digit reference, length asked",
        "What is your eight-digit reference number?",
        ("four seven one three", "nine zero two six"),
    ),
    Dictation("e-mail", "What is your e-mail address?", ("john dot miller", "at gmail dot com")),
    Dictation("date", "What is your date of birth?", ("the fourth of march", "nineteen eighty two")),
)


class DictationCase(msgspec.Struct, frozen=True):
    """One call. was_cut: the agent was audible before the end. response_ms: from the true end to the agent's answer;
    decided_ms: the same without the delays of model and voice; None: no answer."""

    name: str
    pause_ms: int
    was_cut: bool
    response_ms: float | None
    decided_ms: float | None


def run_dictations(setup: CallSetup, engines: ListeningEngines) -> Iterator[DictationCase]:
    """Each dictation with each length of pause between its groups. Raises SpeechModelError."""
    for dictation in DICTATIONS:
        for pause_ms in GROUP_PAUSES_MS:
            yield _case(dictation, pause_ms, setup, engines)


def _case(dictation: Dictation, pause_ms: int, setup: CallSetup, engines: ListeningEngines) -> DictationCase:
    groups = [spoken(group) for group in dictation.groups]
    lead_ms = LEAD_MS + (QUESTION_MS if dictation.question else 0)
    pieces = [room_noise(groups[0], lead_ms, 1)]
    for number, group in enumerate(groups):
        pieces += [room_noise(groups[0], pause_ms if number else 0, number), group]
    end_ms = sum(map(len, pieces)) / PER_MS
    pieces.append(room_noise(groups[0], TAIL_MS, 2))
    setup = replace(setup, greeting=dictation.question, speech_ms=QUESTION_MS)
    outcome = run_call(to_frames(np.concatenate(pieces)), setup, engines)
    after = [span.start for span in outcome.spans if span.start > lead_ms]
    late = next((start - end_ms for start in after if start >= end_ms), None)
    was_cut = any(start < end_ms for start in after)
    decided = None if late is None else round(late - setup.llm_ms - setup.tts_ms, 1)
    return DictationCase(dictation.name, pause_ms, was_cut, late and round(late, 1), decided)


@lru_cache
def spoken(text: str) -> Samples:
    """The local voice's sound of a text, at the usual level."""
    pcm = np.frombuffer(_voice().synthesize(text).pcm, "<i2").astype(np.float32) / np.float32(32_768)
    return at_level(trim(pcm), USUAL_DB)


@lru_cache
def _voice() -> Voice:
    return Voice()
