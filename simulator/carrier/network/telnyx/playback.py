"""Sounds that Telnyx plays on a call: spoken text, files, DTMF tones."""

import asyncio
import tempfile
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from simulator.carrier.audio_clip import ClipError, read_clip
from simulator.carrier.mulaw import RATE, SILENCE
from simulator.carrier.network.line import Line
from simulator.carrier.network.telnyx.events import TelnyxWebhooks
from simulator.carrier.network.telnyx.leg import Leg, publish_event

Voice = Callable[[str], bytes]

_CHARACTERS_PER_S = 15
_FETCH = aiohttp.ClientTimeout(total=10.0)
_MAX_BYTES = 10 << 20


def silence_for_text(text: str) -> bytes:
    """Return silence as long as the text would take. Used without a voice."""
    return SILENCE * (len(text) * RATE // _CHARACTERS_PER_S)


@dataclass(frozen=True, slots=True)
class Gathering:
    """What a gather command waits for.

    Attributes:
        wait_s: Wait after the sound or the last key.
    """

    wait_s: float
    most: int
    valid: str


class PlaybackFailed(Exception):
    """A sound file cannot be played.

    Attributes:
        status: The status for call.playback.ended.
    """

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


class Playback:
    """Plays one sound after the other. Each sound waits until the line is free.

    Args:
        voice: Converts text to mu-law at 8 kHz.
    """

    def __init__(self, webhooks: TelnyxWebhooks, session: aiohttp.ClientSession, voice: Voice | None = None) -> None:
        self._webhooks, self._session = webhooks, session
        self._voice = voice or silence_for_text

    def speak(self, leg: Leg, text: str) -> None:
        """Speak a text. Publishes call.speak.started and call.speak.ended."""
        leg.said.append(text)
        leg.spawn(self._speak(leg, text), "telnyx speak")

    def gather(self, leg: Leg, text: str, wanted: Gathering) -> None:
        """Speak a text and take keys. Publishes call.gather.ended."""
        leg.said.append(text)
        leg.spawn(self._gather(leg, text, wanted), "telnyx gather")

    def stop_gather(self, leg: Leg) -> None:
        """End a gather, which is reported as cancelled. Does nothing if no gather is running."""
        if leg.gathers and leg.line is not None:
            leg.gathers = False
            leg.line.interrupt()

    def start_transcription(self, leg: Leg, line: Line) -> None:
        """Report what the leg's party says as call.transcription; final results only."""

        def publish(words: str) -> None:
            data = {"transcript": words, "confidence": 0.9, "is_final": True, "transcription_track": "inbound"}
            publish_event(self._webhooks, leg, "call.transcription", transcription_data=data)

        line.on_words = publish

    def play(self, leg: Leg, url: str) -> None:
        """Play a file. Publishes call.playback.started and call.playback.ended."""
        leg.spawn(self._play(leg, url), "telnyx playback")

    def press(self, leg: Leg, tones: bytes) -> None:
        """Play tones. While a stream runs, they are mixed into its audio."""
        if leg.stream is not None and leg.line is not None:
            return leg.line.overlay(tones)
        leg.spawn(self._play_tones(leg, tones), "telnyx dtmf")

    def stop(self, leg: Leg) -> None:
        """Stop the current sound, if any."""
        if leg.sounding and leg.line is not None:
            leg.sounding = False
            leg.line.interrupt()

    async def _speak(self, leg: Leg, text: str) -> None:
        ulaw = self._voice(text)
        async with leg.line_lock:
            line = leg.up
            if line is None:
                return
            publish_event(self._webhooks, leg, "call.speak.started")
            await self._play_sound(leg, line, ulaw)
        publish_event(
            self._webhooks, leg, "call.speak.ended", status="call_hangup" if line.over.is_set() else "completed"
        )

    async def _gather(self, leg: Leg, text: str, wanted: Gathering) -> None:
        ulaw = self._voice(text)
        async with leg.line_lock:
            line = leg.up
            if line is None:
                return
            leg.gathers = True
            keys = await line.gather(ulaw, wanted.wait_s, wanted.most)
            was_stopped, leg.gathers = not leg.gathers, False
        is_valid = bool(keys) and all(key in wanted.valid for key in keys)
        pressed = "valid" if is_valid else "invalid" if keys else "cancelled" if was_stopped else "timeout"
        status = "call_hangup" if line.over.is_set() else pressed
        publish_event(self._webhooks, leg, "call.gather.ended", digits=keys, status=status)

    async def _play(self, leg: Leg, url: str) -> None:
        line = leg.up
        if line is None:
            return
        try:
            ulaw = await _unless_hung_up(line, self._fetch(url))
        except PlaybackFailed as problem:
            return self._publish_played(leg, url, problem.status)
        async with leg.line_lock:
            if leg.up is None:
                return
            publish_event(self._webhooks, leg, "call.playback.started", media_url=url, overlay=False)
            complete = await self._play_sound(leg, line, ulaw)
        self._publish_played(
            leg, url, "call_hangup" if line.over.is_set() else "completed" if complete else "cancelled"
        )

    def _publish_played(self, leg: Leg, url: str, status: str) -> None:
        publish_event(self._webhooks, leg, "call.playback.ended", media_url=url, overlay=False, status=status)

    async def _play_tones(self, leg: Leg, tones: bytes) -> None:
        async with leg.line_lock:
            line = leg.up
            if line is not None:
                await line.play(tones)

    async def _play_sound(self, leg: Leg, line: Line, ulaw: bytes) -> bool:
        """Play a sound. Returns whether it was played to its end."""
        leg.sounding = True
        await line.play(ulaw)
        complete = leg.sounding
        leg.sounding = False
        return complete

    async def _fetch(self, url: str) -> bytes:
        """Fetch and decode a file. Raises PlaybackFailed."""
        try:
            async with self._session.get(url, timeout=_FETCH) as response:
                if response.status != 200:
                    raise PlaybackFailed("file_not_found")
                content = bytearray()
                async for chunk in response.content.iter_any():
                    content += chunk
                    if len(content) > _MAX_BYTES:
                        raise PlaybackFailed("failed")
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise PlaybackFailed("file_not_found") from error
        try:
            return await asyncio.to_thread(_decode, content)
        except ClipError as error:
            raise PlaybackFailed("failed") from error


async def _unless_hung_up(line: Line, fetching: Coroutine[None, None, bytes]) -> bytes:
    """Await `fetching`. Raises its errors, and PlaybackFailed if the call ends first."""
    work, over = asyncio.create_task(fetching), asyncio.create_task(line.over.wait())
    try:
        await asyncio.wait({work, over}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            raise PlaybackFailed("call_hangup")
        return work.result()
    finally:
        work.cancel()
        over.cancel()


def _decode(content: bytes | bytearray) -> bytes:
    """Decode a sound file to mu-law. Raises ClipError."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sound"
        path.write_bytes(content)
        return read_clip(path).ulaw
