"""Makes a script ready before the call is placed: turns become frames, so that nothing is computed on the line."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from simulator.carrier.clip import Clip, clip_of_pcm, read_clip
from simulator.carrier.mulaw import FRAME, FRAME_MS, SILENCE, SILENT_FRAME
from simulator.carrier.noise import with_noise
from simulator.carrier.script import Act, HangUp, Play, Press, Rest, Say, Script, Stall, Turn, When

# A voice: text in, 16-bit little-endian mono samples at 8 kHz out.
Voice = Callable[[str], Awaitable[bytes]]

KEYS = frozenset("0123456789*#ABCD")


class ScriptError(ValueError):
    """A turn of the script cannot be carried out; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Performance:
    """One turn as frames of 20 ms.

    sounds: the frames from the first to the last in which the caller really speaks (or presses); empty for a rest.
    digits: keys by the frame at which they are pressed. held: frames that the line holds back.
    """

    label: str
    when: When
    frames: tuple[bytes, ...] = ()
    sounds: range = range(0)
    digits: Mapping[int, str] = field(default_factory=dict)
    held: range = range(0)
    hangs_up: bool = False


async def prepare(script: Script, voice: Voice | None = None) -> tuple[Performance, ...]:
    """Reads every recording and speaks every text. Raises ClipError, ScriptError, and whatever the voice raises."""
    return tuple([await _performance(turn, voice) for turn in script.turns])


async def _performance(turn: Turn, voice: Voice | None) -> Performance:
    match turn.act:
        case Play() | Say() as act:
            clip = await _clip(act, voice)
            if turn.noise is not None:
                clip = await asyncio.to_thread(with_noise, clip, turn.noise)
            return _stalled(_spoken(label_of(act), turn.when, clip), turn.stall)
        case Press(digits, gap_ms):
            return _stalled(_pressed(digits, gap_ms, turn.when), turn.stall)
        case Rest(ms):
            return Performance(label_of(turn.act), turn.when, (SILENT_FRAME,) * (ms // FRAME_MS))
        case HangUp():
            return Performance(label_of(turn.act), turn.when, hangs_up=True)


async def _clip(act: Play | Say, voice: Voice | None) -> Clip:
    match act:
        case Say(text):
            if voice is None:
                raise ScriptError(f"no voice was handed in to say {text!r}")
            return clip_of_pcm(await voice(text), name=f"the voice's {text!r}")
        case Play(Clip() as clip):
            return clip
        case Play(path):
            return await asyncio.to_thread(read_clip, Path(str(path)))


def label_of(act: Act) -> str:
    """What a report calls this act."""
    match act:
        case Play(Clip()):
            return "a clip"
        case Play(path):
            return Path(str(path)).name
        case Say(text):
            return text
        case Press(digits):
            return f"keys {digits}"
        case Rest(ms):
            return f"silence of {ms} ms"
        case HangUp():
            return "hang-up"


def _spoken(label: str, when: When, clip: Clip) -> Performance:
    frames = tuple(clip.ulaw[at : at + FRAME].ljust(FRAME, SILENCE) for at in range(0, len(clip.ulaw), FRAME))
    first, last = (clip.speech.start, clip.speech.end) if clip.speech else (0, len(clip.ulaw))
    return Performance(label, when, frames, sounds=range(first // FRAME, -(-last // FRAME)))


def _pressed(digits: str, gap_ms: int, when: When) -> Performance:
    if not digits or not set(digits) <= KEYS:
        raise ScriptError(f"keys are 0-9 * # A-D, not {digits!r}")
    gap = max(1, gap_ms // FRAME_MS)
    pressed = {number * gap: digit for number, digit in enumerate(digits)}
    frames = (SILENT_FRAME,) * (len(digits) * gap)
    return Performance(f"keys {digits}", when, frames, range(0, max(pressed) + 1), pressed)


def _stalled(made: Performance, stall: Stall | None) -> Performance:
    """Marks the frames that are held; a stall may outlast the turn, then silence is held too."""
    if stall is None:
        return made
    start = stall.at_ms // FRAME_MS
    held = range(start, start + stall.hold_ms // FRAME_MS)
    more = (SILENT_FRAME,) * max(0, held.stop - len(made.frames))
    return Performance(made.label, made.when, made.frames + more, made.sounds, made.digits, held)
