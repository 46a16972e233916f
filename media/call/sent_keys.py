"""Plays the tones of keys that the agent presses, and removes their echo from the caller's audio."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from media.audio import dtmf, mulaw
from media.call.media_stream import MediaStream
from media.tools.tool import ToolError
from shared.events import DigitsSent, Event

# The maximum number of keys of one call: a menu needs some dozens, and a model that repeats a menu is stopped.
MOST_KEYS_PER_CALL: Final = 400
# How long after the last tone its echo may arrive from the other side, through a mobile network and back.
ECHO_MS: Final = 1_000.0
# A frame in which the two tones have at least this share is their echo. In speech at the same level their share is a
# twentieth.
ECHO_SHARE: Final = 0.5
# The mark after the tones may come back this much before their end. If it comes earlier, a clear has cut them off.
EARLY_MS: Final = 150.0
# Without the mark, the tones count as played this long after their end.
LOST_MARK_MS: Final = 2_000.0
_MARK: Final = "keys."


@dataclass(slots=True)
class _Run:
    """Keys that wait for the agent's silence, or sound.

    Attributes:
        number: The number of the mark, from 1.
        is_out: Their tones are on the stream. Otherwise the carrier makes them.
        begun: The agent is silent.
        sound_ms: When they began to sound. None before that.
        ended: Whether all of them sounded.
    """

    keys: str
    number: int
    is_out: bool
    begun: asyncio.Future[None]
    ended: asyncio.Future[bool]
    sound_ms: float | None = None

    @property
    def end_ms(self) -> float:
        """When the last key ends; infinite before the keys sound."""
        return math.inf if self.sound_ms is None else self.sound_ms + dtmf.duration_ms(self.keys)


class SentKeys:
    """The keys that one call's agent presses. Times are in ms on the call's clock.

    `tick` and the carrier's marks drive it. Call all methods on the event loop.

    Attributes:
        on_sounding: Called with true when keys are about to sound, and with false when the last one has sounded.
        echoes: Keys whose echo the caller's audio may contain. While there are any, each frame goes through
            `without_echo`.
    """

    __slots__ = (
        "_clock", "_count", "_echo_until", "_emit", "_is_free", "_on_sounding", "_run", "_runs", "_stream",
        "echoes",
    )  # fmt: skip

    def __init__(
        self,
        stream: MediaStream,
        clock: Callable[[], float],
        emit: Callable[[Event], None],
        on_sounding: Callable[[bool], None],
    ) -> None:
        self._stream, self._clock, self._emit, self._on_sounding = stream, clock, emit, on_sounding
        self._is_free = asyncio.Lock()  # runs one after another
        self._run: _Run | None = None
        self._count = self._runs = 0
        self.echoes = ""
        self._echo_until = 0.0

    async def press(
        self, keys: str, run_id: str, *, is_secret: bool, ask_carrier: Callable[[], Awaitable[object]] | None = None
    ) -> None:
        """Press keys once the agent is silent, and wait until the last one has sounded.

        Args:
            keys: A dial string (`dtmf.is_dial_string`).
            is_secret: The event has no digits.
            ask_carrier: Makes the carrier send the tones, if it can do that on a media stream (Telnyx). None puts the
                tones into the agent's audio, because the carrier has no command for them there (Twilio, "Media Streams
                - WebSocket Messages").

        Raises:
            ToolError: The keys were not pressed, or not all of them. Errors of `ask_carrier` are raised as well.
        """
        self._count += len(keys)
        if self._count > MOST_KEYS_PER_CALL:
            raise ToolError(f"a call may press {MOST_KEYS_PER_CALL} keys at most")
        async with self._is_free:
            self._runs += 1
            loop = asyncio.get_running_loop()
            run = self._run = _Run(keys, self._runs, ask_carrier is None, loop.create_future(), loop.create_future())
            try:
                await run.begun
                if ask_carrier is not None:
                    await ask_carrier()
                self._sound(run, DigitsSent(round(self._clock()), "" if is_secret else keys, run_id))
                if not await run.ended:
                    raise ToolError("the tones were cut off: not all keys were pressed")
            finally:
                self._run = None
                if run.begun.done() and not run.begun.cancelled():
                    self._on_sounding(False)

    @property
    def is_sounding(self) -> bool:
        """Whether keys sound, or are about to."""
        return self._run is not None and self._run.begun.done()

    def is_echo(self, key: str) -> bool:
        """Return whether a key that the carrier reports is one that sounds, or has just sounded."""
        return key in self.echoes

    def tick(self, now: float, agent_silent: bool) -> None:
        """Begin the keys that wait for the agent's silence, and end those that have sounded without a mark.

        Called a few times a second.
        """
        run = self._run
        if run is None:
            if now >= self._echo_until:
                self.echoes = ""
        elif not run.begun.done():
            if agent_silent:
                run.begun.set_result(None)
                self._on_sounding(True)
        elif not run.ended.done() and now >= run.end_ms + (LOST_MARK_MS if run.is_out else 0.0):
            run.ended.set_result(True)

    def on_mark(self, name: str, now: float) -> bool:
        """Process a returned mark. Return whether it belongs to keys. A mark that comes back too early was cleared."""
        run = self._run
        if run is not None and name == f"{_MARK}{run.number}" and not run.ended.done():
            run.ended.set_result(now >= run.end_ms - EARLY_MS)
        return name.startswith(_MARK)

    def without_echo(self, ulaw: bytes) -> bytes:
        """Return the frame (20 ms), or silence if it is the echo of a tone.

        The recognizer and the voice detector must not treat the echo as speech.
        """
        pcm = mulaw.decode(ulaw)
        is_echo = any(dtmf.tone_share(pcm, key) >= ECHO_SHARE for key in self.echoes)
        return mulaw.SILENCE * len(ulaw) if is_echo else ulaw

    def _sound(self, run: _Run, event: DigitsSent) -> None:
        """Record that the keys sound from now on."""
        run.sound_ms = self._clock()
        self.echoes = "".join(sorted(set(run.keys) - set(dtmf.PAUSES_MS)))
        self._echo_until = run.end_ms + ECHO_MS
        if run.is_out:
            self._stream.play(dtmf.make_tones(run.keys))
            self._stream.mark(f"{_MARK}{run.number}")
        self._emit(event)
