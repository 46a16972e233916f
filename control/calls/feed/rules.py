"""What the live desk shows of a running call, derived from its stored events. Pure functions."""

import re
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal, get_args
from uuid import UUID

import msgspec

from control.redaction.finder import may_hold_any
from shared.bus.live import Floor

# Only these events change what is shown.
SHOWN_TYPES: Final = (
    "caller.said",
    "agent.said",
    "person.said",
    "turn.latency",
    "tool.started",
    "tool.ran",
    "provider.failed",
    "call.nudged",
)
CallWarning = Literal["silence", "failover", "repeated_question", "angry_words"]
FLOORS: Final[tuple[Floor, ...]] = get_args(Floor)
WITHHELD: Final = "[withheld]"
_SPEAKERS: Final = {"caller.said": "caller", "agent.said": "agent", "person.said": "person"}


def _phrases(*patterns: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(patterns)})(?!\w)")


# Signs in the caller's words that the call goes badly, in the languages of the console. Texts are compared as `_words`
# writes them.
_QUESTION: Final = _phrases(
    r"what did you (?:just )?say",
    r"come again",
    r"(?:say|repeat|explain) (?:that|it|this)(?: for me)? (?:again|more|once more)",
    r"repeat (?:that|it)",
    r"(?:did|do)n't (?:catch|get|understand) (?:that|it|you|what)",
    r"can't (?:hear|understand) you",
    r"pardon",
    r"wie bitte",
    r"was (?:haben sie|hast du) gesagt",
    r"(?:nochmal|noch mal|noch einmal) (?:sagen|wiederholen)",
    r"nicht verstanden",
    r"verstehe (?:sie|dich|das) nicht",
)
# Alone they ask the agent to say something again; within a sentence they do not.
_ALONE: Final = frozenset(("what", "huh", "sorry", "excuse me", "was", "wie", "hä"))
_ANGRY: Final = _phrases(
    r"ridiculous|useless|stupid|idiots?|unacceptable|outrageous|pathetic|furious|angry|incompetent|disgrace(?:ful)?",
    r"fed up|sick of (?:this|it|you)|had enough|(?:waste|wasting) (?:of )?(?:my )?time|shut up|bullshit|damn(?:ed|it)?",
    r"fuck\w*",
    r"(?:make|file) a complaint|complain about|from my lawyer|sue you",
    r"(?:speak|talk) (?:to|with) (?:a|your|the) (?:manager|supervisor)",
    r"unverschämt\w*|frechheit|lächerlich|beschwer\w*|idiot\w*|scheiß\w*|verdammt\w*|es reicht|mir reicht(?:'s| es)",
    r"mit (?:ihrem|dem) (?:chef|vorgesetzten)",
)
# Shorter answers, such as "yes", come twice in any call.
_FEWEST_WORDS: Final = 3
_MOST_REMEMBERED: Final = 4


@dataclass(frozen=True, slots=True)
class LiveStreamLimits:
    """Streams of one API process at a time: of all, of one workspace (or of the staff), and of one person in it."""

    process: int = 200
    workspace: int = 20
    person: int = 10


@dataclass(frozen=True, slots=True)
class Follower:
    """Who follows running calls.

    Attributes:
        workspace_id: None for the staff.
        person: The id of a user, a key or an admin.
    """

    workspace_id: UUID | None
    person: UUID


class StreamPlaces:
    """Counts the streams that are open."""

    def __init__(self, limits: LiveStreamLimits) -> None:
        self._limits, self._open = limits, Counter[Follower]()

    def find_limit(self, follower: Follower) -> str:
        """Return the limit that a further stream exceeds, as a sentence; empty: there is room."""
        limits, workspace = self._limits, follower.workspace_id
        if self._open.total() >= limits.process:
            return f"This server has at most {limits.process} streams at a time."
        if sum(count for each, count in self._open.items() if each.workspace_id == workspace) >= limits.workspace:
            return f"A workspace has at most {limits.workspace} streams at a time."
        if self._open[follower] >= limits.person:
            return f"A person or key has at most {limits.person} streams at a time."
        return ""

    def take(self, follower: Follower) -> bool:
        """Take a place; return False if there is none. Nothing can come between the count and the place."""
        if self.find_limit(follower):
            return False
        self._open[follower] += 1
        return True

    def release(self, follower: Follower) -> None:
        """Return a place."""
        self._open[follower] -= 1
        if not self._open[follower]:
            del self._open[follower]


@dataclass(slots=True)
class ShownCall:
    """A running call on the live desk.

    Attributes:
        seq: Number of the last applied event.
        is_silent: Nobody but the agent spoke since it asked whether the caller is there.
        said: The caller's last turns as `_words` writes them. They are compared, and never shown.
    """

    seq: int = -1
    last_words: dict[str, Any] | None = None
    last_latency_ms: int | None = None
    tool: dict[str, Any] | None = None
    failover: dict[str, Any] | None = None
    is_silent: bool = False
    said: deque[str] = field(default_factory=lambda: deque(maxlen=_MOST_REMEMBERED))

    def take(self, seq: int, at: datetime, data: Mapping[str, Any], *, redacts: bool) -> None:
        """Applies the next event."""
        self.seq, kind = max(self.seq, seq), data["type"]
        if speaker := _SPEAKERS.get(kind):
            said = str(data.get("text", ""))
            self.last_words = {"by": speaker, "text": live_text(said, redacts=redacts), "at": at.isoformat()}
            self.is_silent = self.is_silent and speaker == "agent"
            if speaker == "caller":
                self.said.append(_words(said))
        elif kind == "turn.latency":
            self.last_latency_ms = data["total_ms"]
        elif kind == "tool.started":
            self.tool = {"name": data["name"], "is_running": True, "ok": None}
        elif kind == "tool.ran":
            self.tool = {"name": data["name"], "is_running": False, "ok": data["ok"]}
        elif kind == "provider.failed":
            failed = {name: data.get(name, "") for name in ("kind", "provider", "next")}
            self.failover = {**failed, "at": at.isoformat()}
        elif kind == "call.nudged":
            self.is_silent = True

    def describe(self) -> dict[str, Any]:
        """Return the fields of a call that the list of running calls does not have."""
        return {
            "last_words": self.last_words,
            "last_latency_ms": self.last_latency_ms,
            "tool": self.tool,
            "failover": self.failover,
            "warnings": self.find_warnings(),
        }

    def find_warnings(self) -> list[CallWarning]:
        """Return what a person at the live desk should look at."""
        found: dict[CallWarning, bool] = {
            "silence": self.is_silent,
            "failover": self.failover is not None,
            "repeated_question": sum(map(_asks_again, self.said)) > 1 or _repeats_itself(self.said),
            "angry_words": any(_ANGRY.search(said) for said in self.said),
        }
        return [warning for warning, is_found in found.items() if is_found]


def _words(text: str) -> str:
    """Returns the text in small letters, with single spaces and without punctuation but the apostrophe."""
    return " ".join(re.sub(r"[^\w']+", " ", text.lower().replace("\u2019", "'")).split())


def _asks_again(said: str) -> bool:
    return said in _ALONE or _QUESTION.search(said) is not None


def _repeats_itself(said: Iterable[str]) -> bool:
    """Returns whether the caller said the same sentence twice, as people do who got no answer to it."""
    return any(times > 1 and text.count(" ") + 1 >= _FEWEST_WORDS for text, times in Counter(said).items())


def read_floor(reported: str) -> Floor | None:
    """Returns what a node reports; None for a node that reports nothing, or what only a later version knows."""
    return next((floor for floor in FLOORS if floor == reported), None)


def live_text(text: str, *, redacts: bool) -> str:
    """Returns the text, or WITHHELD if it may contain a part of a number that continues in the next turn.

    Redaction finds such a number only then.
    """
    return WITHHELD if redacts and may_hold_any(text) else text


def live_event(data: Mapping[str, Any], *, redacts: bool) -> dict[str, Any]:
    """Return an event with the texts that may be shown while the call runs."""
    shown = dict(data)
    for name in ("text", "planned", "result"):
        if shown.get(name):
            shown[name] = live_text(str(shown[name]), redacts=redacts)
    return shown


def encode_message(event: str, data: object, message_id: int) -> bytes:
    """Return one message (HTML standard, "Server-sent events")."""
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (message_id, event.encode(), msgspec.json.encode(data))
