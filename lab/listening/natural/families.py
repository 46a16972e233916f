"""Families of natural callers: single turns after the question that was asked, turns with pauses, and whole calls."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final
from zlib import crc32

import msgspec
import numpy as np

from lab.listening.clips import SetName
from lab.listening.natural.cases import NaturalCase, count_lost_words, judge_turn
from lab.listening.natural.recordings import (
    NaturalTurn,
    Phrase,
    TurnSound,
    read_all_turns,
    read_pauses,
    read_recording,
    turn_sounds,
)
from lab.listening.sound import PER_MS, USUAL_DB, Samples, active_level, room_noise, to_frames
from lab.listening.timeline import LEAD_MS, TAIL_MS
from lab.listening.virtual_call import CallSetup, ListeningEngines, run_call
from shared.plan import TurnPlan

# The caller speaks so long after the question.
AFTER_QUESTION_MS: Final = 300
# At most so many GetGoing turns of a set, and of a speaker, chosen by the hash of their names.
MOST_TURNS: Final = 260
MOST_OF_SPEAKER: Final = 10
# In whole calls: gaps between turns are shortened to this length, because the agent asks after 10 s of silence whether
# the caller is there; and the answers are short, so that they end before the caller's next turn.
LONGEST_GAP_MS: Final = 8_000
SHORT_REPLY: Final = "Okay, one moment."
SHORT_REPLY_MS: Final = 1_000
# What a call understands that waits longer than any pause.
PATIENT: Final = TurnPlan(silence_ms=3_500, adaptive=False)
PATIENT_TAIL_MS: Final = 7_000

Labels = dict[tuple[str, int], Phrase]


def labels_of_pauses() -> Labels:
    """Return the phrases before the pauses, by case and place."""
    return {(pause.case, pause.at_ms): pause.phrase for pause in read_pauses()}


def choose(turns: Sequence[NaturalTurn]) -> set[str]:
    """Return the cases of the family of single turns: all callers of Harper Valley and AWS; GetGoing by hash."""
    chosen, of_speaker = (
        {turn.case for turn in turns if turn.source != "getgoing" and not turn.is_agent},
        Counter[str](),
    )
    getgoing = sorted((turn for turn in turns if turn.source == "getgoing"), key=lambda turn: crc32(turn.case.encode()))
    picked: list[str] = []
    for turn in getgoing:
        if of_speaker[turn.speaker] < MOST_OF_SPEAKER and len(picked) < MOST_TURNS:
            of_speaker[turn.speaker] += 1
            picked.append(turn.case)
    return chosen | set(picked)


def run_natural_turns(
    set_name: SetName, setup: CallSetup, engines: ListeningEngines, every: int = 1
) -> Iterator[NaturalCase]:
    """Run a call for each chosen turn, pauses or not: at the rate at which callers pause."""
    sounds = [(turn, sound) for turn, sound in turn_sounds(set_name)]
    chosen = choose([turn for turn, _ in sounds])
    calls = QuestionCalls(setup, engines)
    for turn, sound in [each for each in sounds if each[0].case in chosen][::every]:
        yield calls.run(turn, sound)


def run_natural_pauses(
    set_name: SetName, setup: CallSetup, engines: ListeningEngines, every: int = 1
) -> Iterator[NaturalCase]:
    """Run a call for each turn with a pause, those of the call center's agent too."""
    calls = QuestionCalls(setup, engines)
    for turn, sound in [each for each in turn_sounds(set_name) if each[0].pauses][::every]:
        yield calls.run(turn, sound)


class QuestionCalls:
    """Calls of one turn each, after the agent has asked the question that the caller had been asked."""

    def __init__(self, setup: CallSetup, engines: ListeningEngines) -> None:
        self._setup, self._engines = setup, engines
        self._labels = labels_of_pauses()
        self._question_ends: dict[str, float] = {"": LEAD_MS - AFTER_QUESTION_MS}

    def run(self, turn: NaturalTurn, sound: TurnSound) -> NaturalCase:
        """Run the call, and for a turn with pauses another one that waits longer than they last."""
        start_ms = round(self._question_end(turn.prompt)) + AFTER_QUESTION_MS
        setup = replace(self._setup, greeting=turn.prompt)
        outcome = run_call(turn_frames(turn, sound, start_ms, TAIL_MS), setup, self._engines)
        case = judge_turn(turn, outcome, start_ms, float("inf"), self._labels)
        if not turn.pauses:
            return case
        patient = replace(setup, turn=PATIENT)
        frames = turn_frames(turn, sound, start_ms, PATIENT_TAIL_MS)
        reference = judge_turn(turn, run_call(frames, patient, self._engines), start_ms, float("inf"), {})
        return msgspec.structs.replace(case, lost_words=count_lost_words(reference.heard, case.heard))

    def _question_end(self, prompt: str) -> float:
        """Return when the agent has said its question, which takes the stand-in as long for each part."""
        if prompt not in self._question_ends:
            parts = len(re.findall(r"[.,;:?!]+", prompt)) + 1
            silence = np.zeros(PER_MS * (LEAD_MS + parts * (self._setup.speech_ms + LEAD_MS)), np.float32)
            outcome = run_call(to_frames(silence), replace(self._setup, greeting=prompt), self._engines)
            self._question_ends[prompt] = outcome.spans[-1].end
        return self._question_ends[prompt]


def turn_frames(turn: NaturalTurn, sound: TurnSound, start_ms: int, tail_ms: int) -> list[bytes]:
    """Return a caller's frames: line noise, the turn at the usual level, which starts at `start_ms`, and line noise."""
    samples = at_voice_level(sound.samples, sound.bursts)
    before_ms = max(0, start_ms - sound.bursts[0][0])
    samples = samples[max(0, sound.bursts[0][0] - start_ms) * PER_MS :]
    pieces = [line_noise(turn, samples, before_ms, 1), samples, line_noise(turn, samples, tail_ms, 2)]
    return to_frames(np.concatenate(pieces))


def at_voice_level(samples: Samples, bursts: Sequence[tuple[int, int]]) -> Samples:
    """Return the sound with its voice at the usual level. bursts: where the voice is, in ms."""
    voice = np.concatenate([samples[start * PER_MS : end * PER_MS] for start, end in bursts])
    gain = np.float32(10 ** ((USUAL_DB - active_level(voice)) / 20))
    scaled: Samples = np.clip(samples * gain, -1.0, 1.0)
    return scaled


def line_noise(turn: NaturalTurn, samples: Samples, ms: int, seed: int) -> Samples:
    """Return what the line carries while nobody speaks: on GetGoing's lines digital silence, else the recording's
    noise."""
    return np.zeros(ms * PER_MS, np.float32) if turn.source == "getgoing" else room_noise(samples, ms, seed)


def run_natural_calls(
    set_name: SetName, setup: CallSetup, engines: ListeningEngines, every: int = 1
) -> Iterator[NaturalCase]:
    """Stream the caller's side of whole calls; yield the turns whose end is certain."""
    calls: dict[str, list[NaturalTurn]] = defaultdict(list)
    for turn in read_all_turns(set_name):
        if turn.is_whole:
            calls[turn.call].append(turn)
    labels = labels_of_pauses()
    for turns in list(calls.values())[::every]:
        samples, starts = call_sound(turns)
        streamed = replace(setup, reply=SHORT_REPLY, speech_ms=SHORT_REPLY_MS)
        outcome = run_call(to_frames(samples), streamed, engines)
        for turn, start_ms, until_ms in zip(turns, starts, [*starts[1:], float("inf")], strict=True):
            if turn.ending == "end":
                yield judge_turn(turn, outcome, start_ms, until_ms, labels)


def call_sound(turns: Sequence[NaturalTurn]) -> tuple[Samples, list[float]]:
    """Return the caller's side of a call with shortened gaps, and when each turn starts in it, in ms."""
    recording = read_recording(turns[0], end_ms=turns[-1].end_ms + TAIL_MS)
    samples = at_voice_level(recording, [burst for turn in turns for burst in turn.bursts])
    begin = max(0, turns[0].start_ms - LEAD_MS)
    pieces, starts, half = list[Samples](), list[float](), LONGEST_GAP_MS // 2
    at_ms = 0
    for number, turn in enumerate(turns):
        starts.append(float(at_ms + turn.start_ms - begin))
        until = turns[number + 1].start_ms if number + 1 < len(turns) else turn.end_ms + TAIL_MS
        gap = until - turn.end_ms
        stop = until if gap <= LONGEST_GAP_MS else turn.end_ms + half
        pieces.append(samples[begin * PER_MS : stop * PER_MS])
        at_ms += stop - begin
        begin = until if gap <= LONGEST_GAP_MS else until - half
    return np.concatenate([*pieces, np.zeros(TAIL_MS * PER_MS, np.float32)]), starts
