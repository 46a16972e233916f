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

# Keys of one call in all: a menu takes some dozens, and a model that goes round in one is stopped.
MOST_KEYS_PER_CALL: Final = 400
# So long after the last tone its echo may still come from the other side: a mobile network and back.
ECHO_MS: Final = 1_000.0
# A frame of which the two tones are so much is their echo. Of speech at the same level they are a twentieth.
ECHO_SHARE: Final = 0.5
# The mark behind the tones may come back so much earlier than they last; earlier than that, a clear has cut them off.
EARLY_MS: Final = 150.0
# Without the mark the tones count as played so long after their end.
LOST_MARK_MS: Final = 2_000.0
_MARK: Final = "keys."


@dataclass(slots=True)
class _Run:
    """Keys that wait for the agent's silence, or sound. number: of its mark, from 1. is_out: their tones are on the
    stream; otherwise the carrier makes them. begun: the agent is silent. sound_ms: since when they sound; None before.
    ended: whether all of them sounded."""

    keys: str
    number: int
    is_out: bool
    begun: asyncio.Future[None]
    ended: asyncio.Future[bool]
    sound_ms: float | None = None

    @property
    def end_ms(self) -> float:
        """When the last one is over; infinite before they sound."""
        return math.inf if self.sound_ms is None else self.sound_ms + dtmf.duration_ms(self.keys)


class SentKeys:
    """The keys that one call's agent presses. Times are in ms on the call's clock; `tick` and the carrier's marks drive
    it. All methods on the event loop.

    on_sounding: called with true when keys are about to sound, and with false when the last one has. echoes: keys whose
    echo caller audio may hold; while there are any, each frame goes through `without_echo`.
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
        self._is_free = asyncio.Lock()  # one run after another
        self._run: _Run | None = None
        self._count = self._runs = 0
        self.echoes = ""
        self._echo_until = 0.0

    async def press(
        self, keys: str, run_id: str, *, is_secret: bool, ask_carrier: Callable[[], Awaitable[object]] | None = None
    ) -> None:
        """Presses keys once the agent is silent, and waits until the last one has sounded.

        keys: a dial string (`dtmf.is_dial_string`). is_secret: the event has no digits. ask_carrier: has the carrier
        make the tones, where it can do that on a media stream (Telnyx); None: they are put into the agent's audio,
        because the carrier has no command for them there (Twilio, "Media Streams - WebSocket Messages").
        Raises ToolError, and what ask_carrier raises.
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
        """Whether a key that the carrier reports is one of those that sound, or have just sounded."""
        return key in self.echoes

    def tick(self, now: float, agent_silent: bool) -> None:
        """Begins what waits for the agent's silence; ends what has sounded without a mark. Called a few times a
        second."""
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
        """A mark came back; returns whether it is one of these. One that comes back too early was cleared."""
        run = self._run
        if run is not None and name == f"{_MARK}{run.number}" and not run.ended.done():
            run.ended.set_result(now >= run.end_ms - EARLY_MS)
        return name.startswith(_MARK)

    def without_echo(self, ulaw: bytes) -> bytes:
        """The frame, or silence where it is the echo of a tone: the recognizer and the voice detector must not take it
        for speech. ulaw: 20 ms."""
        pcm = mulaw.decode(ulaw)
        is_echo = any(dtmf.tone_share(pcm, key) >= ECHO_SHARE for key in self.echoes)
        return mulaw.SILENCE * len(ulaw) if is_echo else ulaw

    def _sound(self, run: _Run, event: DigitsSent) -> None:
        """The keys sound from now on."""
        run.sound_ms = self._clock()
        self.echoes = "".join(sorted(set(run.keys) - set(dtmf.PAUSES_MS)))
        self._echo_until = run.end_ms + ECHO_MS
        if run.is_out:
            self._stream.play(dtmf.make_tones(run.keys))
            self._stream.mark(f"{_MARK}{run.number}")
        self._emit(event)
