"""Sounds that the network itself puts on a call: spoken text, files, keys."""

import asyncio
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path

import aiohttp
import numpy as np

from simulator.carrier.clip import ClipError, read_clip
from simulator.carrier.mulaw import RATE, SILENCE, encode
from simulator.carrier.network.line import Line
from simulator.carrier.network.telnyx_side.events import Webhooks
from simulator.carrier.network.telnyx_side.leg import Leg, tell

Voice = Callable[[str], bytes]

_CHARACTERS_PER_S = 15
_FETCH = aiohttp.ClientTimeout(total=10.0)
_MOST_BYTES = 10 << 20
_ROWS = {row: hertz for keys, hertz in (("123A", 697), ("456B", 770), ("789C", 852), ("*0#D", 941)) for row in keys}
_COLUMNS = {
    key: hertz for keys, hertz in (("147*", 1209), ("2580", 1336), ("369#", 1477), ("ABCD", 1633)) for key in keys
}
_KEY_MS = 250
_GAP_MS = 100


def silent_words(text: str) -> bytes:
    """What stands for a voice when there is none: silence, as long as the words would take."""
    return SILENCE * (len(text) * RATE // _CHARACTERS_PER_S)


def keys(digits: str, ms: int = _KEY_MS) -> bytes:
    """Tones of 0-9 * # A-D as mu-law; w waits half a second and W a whole one. Raises ValueError."""
    return b"".join(_key(digit, ms) for digit in digits)


class Unplayable(Exception):
    """A sound file can't be played; status: as call.playback.ended says it."""

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


class Sounds:
    """Speaks and plays, one sound after the other; each waits until the line is free.

    voice: text to mu-law, 8 kHz.
    """

    def __init__(self, webhooks: Webhooks, session: aiohttp.ClientSession, voice: Voice | None = None) -> None:
        self._webhooks, self._session = webhooks, session
        self._voice = voice or silent_words

    def speak(self, leg: Leg, text: str) -> None:
        """call.speak.started and call.speak.ended follow."""
        leg.said.append(text)
        leg.spawn(self._speak(leg, text), "telnyx speak")

    def play(self, leg: Leg, url: str) -> None:
        """call.playback.started and call.playback.ended follow."""
        leg.spawn(self._play(leg, url), "telnyx playback")

    def press(self, leg: Leg, tones: bytes) -> None:
        """The party hears the tones."""
        leg.spawn(self._press(leg, tones), "telnyx dtmf")

    def stop(self, leg: Leg) -> None:
        """Cuts off the sound that plays, if one does."""
        if leg.sounding and leg.line is not None:
            leg.sounding = False
            leg.line.interrupt()

    async def _speak(self, leg: Leg, text: str) -> None:
        ulaw = self._voice(text)
        async with leg.on_line:
            line = leg.up
            if line is None:
                return
            tell(self._webhooks, leg, "call.speak.started")
            await self._sound(leg, line, ulaw)
        tell(self._webhooks, leg, "call.speak.ended", status="call_hangup" if line.over.is_set() else "completed")

    async def _play(self, leg: Leg, url: str) -> None:
        line = leg.up
        if line is None:
            return
        try:
            ulaw = await _unless_over(line, self._fetch(url))
        except Unplayable as problem:
            return self._played(leg, url, problem.status)
        async with leg.on_line:
            if leg.up is None:
                return
            tell(self._webhooks, leg, "call.playback.started", media_url=url, overlay=False)
            whole = await self._sound(leg, line, ulaw)
        self._played(leg, url, "call_hangup" if line.over.is_set() else "completed" if whole else "cancelled")

    def _played(self, leg: Leg, url: str, status: str) -> None:
        tell(self._webhooks, leg, "call.playback.ended", media_url=url, overlay=False, status=status)

    async def _press(self, leg: Leg, tones: bytes) -> None:
        async with leg.on_line:
            line = leg.up
            if line is not None:
                await line.play(tones)

    async def _sound(self, leg: Leg, line: Line, ulaw: bytes) -> bool:
        """Whether it was heard to its end."""
        leg.sounding = True
        await line.play(ulaw)
        whole = leg.sounding
        leg.sounding = False
        return whole

    async def _fetch(self, url: str) -> bytes:
        """Raises Unplayable."""
        try:
            async with self._session.get(url, timeout=_FETCH) as response:
                if response.status != 200:
                    raise Unplayable("file_not_found")
                content = bytearray()
                async for chunk in response.content.iter_any():
                    content += chunk
                    if len(content) > _MOST_BYTES:
                        raise Unplayable("failed")
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unplayable("file_not_found") from error
        try:
            return await asyncio.to_thread(_decoded, content)
        except ClipError as error:
            raise Unplayable("failed") from error


async def _unless_over(line: Line, fetching: Coroutine[None, None, bytes]) -> bytes:
    """Raises what the fetching does, and Unplayable when the call is over before."""
    work, over = asyncio.create_task(fetching), asyncio.create_task(line.over.wait())
    try:
        await asyncio.wait({work, over}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            raise Unplayable("call_hangup")
        return work.result()
    finally:
        work.cancel()
        over.cancel()


def _decoded(content: bytes | bytearray) -> bytes:
    """A sound file of any kind as mu-law. Raises ClipError."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sound"
        path.write_bytes(content)
        return read_clip(path).ulaw


def _key(digit: str, ms: int) -> bytes:
    if digit in "wW":
        return SILENCE * (RATE // 2 if digit == "w" else RATE)
    if digit not in _ROWS:
        raise ValueError(f"{digit!r} is no key")
    time = np.arange(ms * RATE // 1_000) / RATE
    wave = np.sin(2 * np.pi * _ROWS[digit] * time) + np.sin(2 * np.pi * _COLUMNS[digit] * time)
    return encode(np.rint(0.25 * 32_767 * wave).astype(np.int16)) + SILENCE * (_GAP_MS * RATE // 1_000)
