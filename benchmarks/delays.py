"""The delays that every server is given: those of plans/standin.json, the one place where they are written."""

import json
from dataclasses import dataclass
from pathlib import Path

PLAN = Path(__file__).parent / "plans" / "standin.json"


@dataclass(frozen=True, slots=True)
class Delays:
    """Milliseconds, and the words that the stand-ins hear and answer."""

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
        """What an answer takes before any server has added to it."""
        return self.silence + self.final + self.first_token + self.first_byte


def read_delays(path: Path = PLAN) -> Delays:
    """Raises KeyError when the plan lacks one."""
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
