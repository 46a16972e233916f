"""Slack's Web API: messages to the channels of one team.

Follows https://docs.slack.dev/reference/methods/chat.postMessage and https://docs.slack.dev/apis/web-api (every
response has status 200 and `ok`; a refusal contains `error`).
"""

from dataclasses import dataclass, field
from typing import Any, Final

from simulator.integrations.errors import VendorRefusal

LONGEST_TEXT: Final = 40_000


@dataclass(slots=True)
class SlackTeam:
    """A Slack team.

    Attributes:
        messages: Messages by channel, in order.
        archived: Channels that accept no messages.
    """

    messages: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {"C0123456789": []})
    archived: set[str] = field(default_factory=set)
    posted: int = 0

    def run(self, method: str, path: str, query: dict[str, str], body: Any) -> Any:
        """Answer a request. `path` follows /api. Raises VendorRefusal, whose status is 200."""
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
    """Return a refusal. At Slack, its status is 200."""
    return VendorRefusal(200, {"ok": False, "error": error})
