"""Slack's Web API: messages to the channels of one team.

Written from https://docs.slack.dev/reference/methods/chat.postMessage and https://docs.slack.dev/apis/web-api (every
answer has status 200 and `ok`; a refusal names its `error`).
"""

from dataclasses import dataclass, field
from typing import Any, Final

from simulator.integrations.errors import VendorRefusal

LONGEST_TEXT: Final = 40_000


@dataclass(slots=True)
class SlackTeam:
    """messages: by channel, in their order. archived: channels that take none."""

    messages: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {"C0123456789": []})
    archived: set[str] = field(default_factory=set)
    posted: int = 0

    def run(self, method: str, path: str, query: dict[str, str], body: Any) -> Any:
        """The answer to one request; path: after /api. Raises VendorRefusal, of status 200."""
        arguments = {**query, **(body or {})}
        if path == "/auth.test":
            return {"ok": True, "team": "Team", "team_id": "T0123456789", "user": "agent", "user_id": "U0123456789"}
        if (method, path) != ("POST", "/chat.postMessage"):
            raise refuse("unknown_method")
        channel, text = arguments.get("channel", ""), arguments.get("text", "")
        if channel not in self.messages:
            raise refuse("channel_not_found")
        if channel in self.archived:
            raise refuse("is_archived")
        if not text and not arguments.get("blocks"):
            raise refuse("no_text")
        self.posted += 1
        message = {"type": "message", "text": text[:LONGEST_TEXT], "ts": f"1700000000.{self.posted:06}"}
        self.messages[channel].append(message)
        return {"ok": True, "channel": channel, "ts": message["ts"], "message": message}


def refuse(error: str) -> VendorRefusal:
    """A refusal, which has the status of a success."""
    return VendorRefusal(200, {"ok": False, "error": error})
