"""A small agent behind a Twilio media stream: greets, answers, stops on barge-in. Its clock is the received frames."""

import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from simulator.carrier.mulaw import FRAME_MS, RATE, decode, encode

CHUNK_MS = 200


def tone(ms: int, hertz: float = 440.0, amplitude: float = 0.4) -> bytes:
    """An audible tone as mu-law."""
    time = np.arange(ms * RATE // 1_000) / RATE
    return encode((amplitude * 32_767 * np.sin(2 * np.pi * hertz * time)).astype(np.int16))


def loud(ulaw: bytes) -> bool:
    """Whether the audio contains loud samples."""
    return bool(np.abs(decode(ulaw)).max(initial=0) > 1_000)


@dataclass
class ScriptedAgent:
    """Answers every turn of the caller with a tone of the next length in `answers_ms`; the last length repeats.

    The caller's turn ends after `silence_ms` of silence; the answer follows `delay_ms` later. barge_in: a loud frame
    while the agent speaks clears the carrier's buffer. hangs_up_after: `closing` becomes true when this many answers
    were played.
    """

    greeting_ms: int = 400
    answers_ms: Sequence[int] = (800,)
    silence_ms: int = 400
    delay_ms: int = 100
    barge_in: bool = True
    hangs_up_after: int | None = None
    closing: bool = False
    stopped: bool = False
    start: dict[str, object] = field(default_factory=dict)
    received: list[dict[str, object]] = field(default_factory=list)
    turns: list[tuple[int, int]] = field(default_factory=list)
    answered_ms: list[int] = field(default_factory=list)
    played: list[str] = field(default_factory=list)
    digits: str = ""
    cleared: int = 0
    _speaking: str = ""
    _began: int | None = None
    _last_loud: int = 0

    def receive(self, text: str) -> list[str]:
        """The agent's answers to a message of the carrier."""
        message = json.loads(text)
        self.received.append(message)
        match message["event"]:
            case "start":
                self.start = message
                return self._say("greeting", self.greeting_ms) if self.greeting_ms else []
            case "media":
                return self._receive_audio(int(message["media"]["timestamp"]), b64decode(message["media"]["payload"]))
            case "mark":
                self._played(message["mark"]["name"])
            case "dtmf":
                self.digits += message["dtmf"]["digit"]
            case "stop":
                self.stopped = True
        return []

    def _receive_audio(self, at_ms: int, ulaw: bytes) -> list[str]:
        if loud(ulaw):
            self._began = at_ms if self._began is None else self._began
            self._last_loud = at_ms
            return self._barge_in()
        if self._began is None or at_ms - self._last_loud < self.silence_ms + self.delay_ms:
            return []
        self.turns.append((self._began, self._last_loud + FRAME_MS))
        self.answered_ms.append(at_ms)
        self._began = None
        number = len(self.turns)
        return self._say(f"answer {number}", self.answers_ms[min(number, len(self.answers_ms)) - 1])

    def _barge_in(self) -> list[str]:
        if not self._speaking or not self.barge_in:
            return []
        self._speaking = ""
        self.cleared += 1
        return [self._message("clear")]

    def _say(self, name: str, ms: int) -> list[str]:
        self._speaking = name
        audio = tone(ms)
        step = CHUNK_MS * RATE // 1_000
        chunks = [audio[at : at + step] for at in range(0, len(audio), step)]
        said = [self._message("media", media={"payload": b64encode(chunk).decode()}) for chunk in chunks]
        return [*said, self._message("mark", mark={"name": name})]

    def _played(self, name: str) -> None:
        self.played.append(name)
        if name == self._speaking:
            self._speaking = ""
        if self.hangs_up_after is not None and name == f"answer {self.hangs_up_after}":
            self.closing = True

    def _message(self, event: str, **content: object) -> str:
        return json.dumps({"event": event, "streamSid": self.start["streamSid"], **content})
