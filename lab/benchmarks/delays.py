"""The vendor delays of every server under test, read from plans/standin.json."""

import json
from dataclasses import dataclass
from pathlib import Path

PLAN = Path(__file__).parent / "plans" / "standin.json"


@dataclass(frozen=True, slots=True)
class Delays:
    """The delays in ms, and the texts that the stand-ins recognize and answer."""

    silence: int
    final: int
    first_token: int
    token: int
    first_byte: int
    audio: int
    chunk: int
    heard: str
    answer: str

    @property
    def total(self) -> int:
        """The time to an answer without the server's own."""
        return self.silence + self.final + self.first_token + self.first_byte


def read_delays(path: Path = PLAN) -> Delays:
    """Reads the delays. Raises KeyError when the plan lacks one."""
    plan = json.loads(path.read_text())
    hear, think, speak = (plan[stage][0]["options"] for stage in ("stt", "llm", "tts"))
    return Delays(
        silence=plan["turn"]["silence_ms"],
        final=hear["final_ms"],
        first_token=think["first_token_ms"],
        token=think["token_ms"],
        first_byte=speak["first_byte_ms"],
        audio=speak["audio_ms"],
        chunk=speak["chunk_ms"],
        heard=hear["text"],
        answer=think["text"],
    )
