"""Converts the turns of a script to frames before the call, so that the call itself needs no computation."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from simulator.carrier.audio_clip import Clip, clip_of_pcm, read_clip
from simulator.carrier.line_noise import add_noise
from simulator.carrier.mulaw import FRAME, FRAME_MS, SILENCE, SILENT_FRAME
from simulator.carrier.script import Act, HangUp, Play, Press, Rest, Say, Script, Stall, Turn, When

# A voice: converts text to 16-bit little-endian mono samples at 8 kHz.
Voice = Callable[[str], Awaitable[bytes]]

KEYS = frozenset("0123456789*#ABCD")


class ScriptError(ValueError):
    """A turn of the script is invalid. The message names the turn and the reason."""


@dataclass(frozen=True, slots=True)
class PreparedTurn:
    """A turn as frames of 20 ms.

    Attributes:
        sounds: Range from the first to the last frame with speech or keys; empty for silence.
        digits: Frame number -> keys pressed in this frame.
        held: Frames that the line delays.
    """

    label: str
    when: When
    frames: tuple[bytes, ...] = ()
    sounds: range = range(0)
    digits: Mapping[int, str] = field(default_factory=dict)
    held: range = range(0)
    hangs_up: bool = False


async def prepare_turns(script: Script, voice: Voice | None = None) -> tuple[PreparedTurn, ...]:
    """Read every recording and synthesize every text. Raises ClipError, ScriptError, and errors of the voice."""
    return tuple([await _prepare_turn(turn, voice) for turn in script.turns])


async def _prepare_turn(turn: Turn, voice: Voice | None) -> PreparedTurn:
    match turn.act:
        case Play() | Say() as act:
            clip = await _clip(act, voice)
            if turn.noise is not None:
                clip = await asyncio.to_thread(add_noise, clip, turn.noise)
            return _add_stall(_speech_turn(turn_label(act), turn.when, clip), turn.stall)
        case Press(digits, gap_ms):
            return _add_stall(_keys_turn(digits, gap_ms, turn.when), turn.stall)
        case Rest(ms):
            return PreparedTurn(turn_label(turn.act), turn.when, (SILENT_FRAME,) * (ms // FRAME_MS))
        case HangUp():
            return PreparedTurn(turn_label(turn.act), turn.when, hangs_up=True)


async def _clip(act: Play | Say, voice: Voice | None) -> Clip:
    match act:
        case Say(text):
            if voice is None:
                raise ScriptError(f"no voice was given to say {text!r}")
            return clip_of_pcm(await voice(text), name=f"the voice's {text!r}")
        case Play(Clip() as clip):
            return clip
        case Play(path):
            return await asyncio.to_thread(read_clip, Path(str(path)))


def turn_label(act: Act) -> str:
    """Return the name of this turn in a report."""
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


def _speech_turn(label: str, when: When, clip: Clip) -> PreparedTurn:
    frames = tuple(clip.ulaw[at : at + FRAME].ljust(FRAME, SILENCE) for at in range(0, len(clip.ulaw), FRAME))
    first, last = (clip.speech.start, clip.speech.end) if clip.speech else (0, len(clip.ulaw))
    return PreparedTurn(label, when, frames, sounds=range(first // FRAME, -(-last // FRAME)))


def _keys_turn(digits: str, gap_ms: int, when: When) -> PreparedTurn:
    if not digits or not set(digits) <= KEYS:
        raise ScriptError(f"keys are 0-9 * # A-D, not {digits!r}")
    gap = max(1, gap_ms // FRAME_MS)
    pressed = {number * gap: digit for number, digit in enumerate(digits)}
    frames = (SILENT_FRAME,) * (len(digits) * gap)
    return PreparedTurn(f"keys {digits}", when, frames, range(0, max(pressed) + 1), pressed)


def _add_stall(turn: PreparedTurn, stall: Stall | None) -> PreparedTurn:
    """Mark the delayed frames. If the stall outlasts the turn, silence is appended and delayed too."""
    if stall is None:
        return turn
    start = stall.at_ms // FRAME_MS
    held = range(start, start + stall.hold_ms // FRAME_MS)
    more = (SILENT_FRAME,) * max(0, held.stop - len(turn.frames))
    return PreparedTurn(turn.label, turn.when, turn.frames + more, turn.sounds, turn.digits, held)
