"""Why a call was not answered, in words."""

from collections.abc import Mapping
from typing import Final

_BY_NETWORK: Final[Mapping[str, str]] = {
    "unknown_number": "nobody has this number: `up` prints those that it bought",
    "no_answer": "nobody picked up",
}
# Reasons for which there was no call.
_NO_CALL: Final[Mapping[str, str]] = {
    "not_called": "nobody called in time",
    "phone_taken": "another phone waits at this number already",
}
_BY_PLATFORM: Final[Mapping[str, str]] = {
    "unknown_number": "no live agent answers this number: it has no agent, or its agent is paused",
    "suspended": "the number's workspace is suspended, or its trial has ended",
    "over_limit": "the workspace has as many calls at once as it may have",
    "spend_limit": "the workspace has spent what it may in this billing period",
    "all_busy": "no media node has room for the call",
    "unusable": "the agent cannot answer as it is configured",
    "blocked": "the workspace blocks this caller",
    "outside_hours": "the business is closed, and its agent hangs up then",
    "unknown_call": "the API has no record of the call; does a workspace have this number?",
}


class CallUnanswered(Exception):
    """Nobody answered; the message says why. status: as in a call's result."""

    def __init__(self, message: str, status: str = "failed") -> None:
        super().__init__(message)
        self.status = status


def unanswered(reason: str, detail: str) -> str:
    """A sentence. reason: the simulated network's. detail: the `end_detail` by which the platform refused the call;
    empty if it did not."""
    if reason in _NO_CALL:
        return _NO_CALL[reason]
    why = platform_refusal(detail) if detail else _BY_NETWORK.get(reason, reason.replace("_", " "))
    return f"the call was not answered: {why}"


def platform_refusal(detail: str) -> str:
    """The `end_detail` of a call that no agent answered, in words."""
    return _BY_PLATFORM.get(detail, detail.replace("_", " "))
