"""What the live desk shows of a running call, derived from its stored events. Pure functions."""

import re
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from control.redaction.finder import may_hold_any

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
WITHHELD: Final = "[withheld]"
_SPEAKERS: Final = {"caller.said": "caller", "agent.said": "agent", "person.said": "person"}
# A question like this twice in the last four turns means that the caller does not understand the agent.
_QUESTION: Final = re.compile(r"\b(what\?|pardon|come again|say that again|repeat that|wie bitte|was\?|nochmal)", re.I)
_ANGRY: Final = re.compile(
    r"\b(ridiculous|useless|stupid|angry|furious|complain|complaint|lawyer|supervisor|manager|unverschämt|beschwer\w*)\b",
    re.I,
)
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
            text = live_text(str(data.get("text", "")), redacts=redacts)
            self.last_words, self.is_silent = {"by": speaker, "text": text, "at": at.isoformat()}, False
            if speaker == "caller":
                self.said.append(text)
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
        found = {
            "silence": self.is_silent,
            "failover": self.failover is not None,
            "repeated_question": sum(_QUESTION.search(text) is not None for text in self.said) > 1,
            "angry_words": any(_ANGRY.search(text) for text in self.said),
        }
        return {
            "last_words": self.last_words,
            "last_latency_ms": self.last_latency_ms,
            "tool": self.tool,
            "failover": self.failover,
            "warnings": [name for name, is_found in found.items() if is_found],
        }


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
