"""Families of sounds over the agent's speech: nods must not stop it, interruptions must, a far voice must not."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec
import numpy as np

from lab.listening.clips import Clip, ClipAudio
from lab.listening.sound import PER_MS, USUAL_DB, Samples, at_level, first_clear_ms, room_noise, to_frames, trim
from lab.listening.virtual_call import CallOutcome, CallSetup, ListeningEngines, run_call
from shared.events import AgentSaid

# What the agent says, and how long that takes.
ANSWER: Final = "Our office is open from nine to five on weekdays, and on Saturdays we are here until noon."
ANSWER_MS: Final = 8_000
# The caller's sound begins so long after the answer, once it is well under way.
INTO_ANSWER_MS: Final = 3_000
LEAD_MS, TAIL_MS = 500, 11_000
# What is heard of so short a sound as a nod changes with a few ms of noise before it, so it comes at several moments:
# so many ms later each, in other places within frames and within the detector's windows.
NOD_MOMENTS: Final = (0, 13, 26, 39, 52)
# Of an interruption so much is said: enough words for any rule.
LONGEST_MS: Final = 2_500
FAR_DB: Final = 20.0


class OverlapCase(msgspec.Struct, frozen=True):
    """One call in which something sounds over the agent's answer.

    survived: the answer was heard to its end. gap_ms: the silence within it before it went on. cleared_ms: from
    the sound's true start until the agent fell silent; None: it did not while the sound lasted. lowered_ms:
    until it was lower or silent, whichever came first. clear_ms: from the sound's start, which may be a consonant 25 dB
    under its level, to its first clear voice.
    """

    clip: str
    speaker: str
    survived: bool
    gap_ms: float
    cleared_ms: float | None
    lowered_ms: float | None = None
    clear_ms: float = 0.0

    @property
    def lowered_after_clear_ms(self) -> float | None:
        """From the first clear voice until the agent was lower or silent."""
        return None if self.lowered_ms is None else self.lowered_ms - self.clear_ms


@dataclass(frozen=True, slots=True)
class OverlapCall:
    """One call with both sides. sound_ms: when the sound began."""

    frames: list[bytes]
    outcome: CallOutcome
    sound_ms: float


def run_overlaps(
    clips: Sequence[Clip],
    audio: ClipAudio,
    setup: CallSetup,
    engines: ListeningEngines,
    *,
    below_db: float = 0.0,
    moments: Sequence[int] = (0,),
    keep: Callable[[Clip, OverlapCall], None] = lambda clip, call: None,
) -> Iterator[OverlapCase]:
    """Each clip over the agent's greeting; or, if it is to be softer by `below_db` than the caller's own voice, over
    the answer to another clip, which made the caller's level known. moments: each clip once so many ms later. keep: is
    handed each call. Raises SourceError."""
    for number, clip in enumerate(clips):
        sound = at_level(trim(audio.samples(clip)[: LONGEST_MS * PER_MS]), USUAL_DB - below_db)
        own = np.zeros(0, np.float32)
        if below_db:
            other = next(one for one in (*clips[number:], *clips) if one.speaker != clip.speaker)
            own = at_level(audio.samples(other), USUAL_DB)
        spoken = replace(setup, speech_ms=ANSWER_MS, reply=ANSWER, greeting="" if len(own) else ANSWER)
        alone = _call(own, np.zeros(0, np.float32), 0.0, spoken, engines).outcome
        if not alone.spans:  # a caller who is not answered has nothing that can be spoken over
            continue
        for later_ms in moments:
            call = _call(own, sound, alone.spans[-1].start + later_ms, spoken, engines)
            keep(clip, call)
            yield _case(clip, sound, alone, call)


def _case(clip: Clip, sound: Samples, alone: CallOutcome, call: OverlapCall) -> OverlapCase:
    """alone: the call without the sound."""
    outcome, at = call.outcome, call.sound_ms
    end = at + len(sound) / PER_MS
    # By its length: after another noise, the recognizer's text, and so the agent's answer, may come at another time.
    whole_ms = alone.spans[-1].end - alone.spans[-1].start
    spoken = next((span for span in outcome.spans if span.start < at <= span.end < end + LONGEST_MS), None)
    stopped = spoken.end if spoken and spoken.end - spoken.start < whole_ms - 20 else None
    said = _said(outcome)[len(_said(alone)) - 1 :]
    survived = bool(said) and not said[0].interrupted
    gap = 0.0 if stopped is None or not survived else _next_start(outcome, stopped) - stopped
    lowered = next((clear - at for clear in outcome.clears if at <= clear < end + LONGEST_MS), None)
    return OverlapCase(
        clip=clip.name,
        speaker=clip.speaker,
        survived=survived,
        gap_ms=round(gap, 1),
        cleared_ms=None if stopped is None else round(stopped - at, 1),
        lowered_ms=None if lowered is None else round(lowered, 1),
        clear_ms=first_clear_ms(sound),
    )


def _said(outcome: CallOutcome) -> list[AgentSaid]:
    return [event for event in outcome.events if isinstance(event, AgentSaid)]


def _next_start(outcome: CallOutcome, stopped: float) -> float:
    """When the answer went on after a stop."""
    return next((span.start for span in outcome.spans if span.start > stopped), stopped)


def _call(own: Samples, sound: Samples, began: float, setup: CallSetup, engines: ListeningEngines) -> OverlapCall:
    """began: when the answer began that the sound is over; 0: no sound."""
    room = own if len(own) else sound if len(sound) else np.full(800, 1e-3, np.float32)
    pieces = [room_noise(room, LEAD_MS, 1), own]
    before = LEAD_MS + len(own) // PER_MS
    wait = max(0, round(began) + INTO_ANSWER_MS - before)
    pieces += [room_noise(room, wait, 2), sound, room_noise(room, TAIL_MS, 3)]
    frames = to_frames(np.concatenate(pieces))
    return OverlapCall(frames, run_call(frames, setup, engines), float(before + wait))
