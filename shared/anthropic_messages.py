"""How Anthropic's Messages API is addressed, which media and control share; pure.

Sources: the anthropic SDK 2.14.0 (`_client.py`, `types/message_create_params.py`, `types/shared/`), and of the thinking
that each model takes its documents "Extended thinking" and "Effort" as pipecat-ai 1.14.0 follows them.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

VERSION: Final = "2023-06-01"
_PATH: Final = "/v1/messages"
_THINK_AT_WILL: Final = (
    "claude-haiku-5-5",
    "claude-opus-5",
    "claude-sonnet-5",
    "claude-opus-4-8",
    "claude-opus-4-7",
    "claude-opus-4-6",
    "claude-opus-4-5",
    "claude-sonnet-4-6",
    "claude-sonnet-4-5",
    "claude-haiku-4-5",
)
# The least thinking that each model takes; others get the vendor's default. Opus 5.5 and Fable cannot be kept from it,
# and Sonnet 5.5 only before a reply's first words.
_LEAST_THINKING: Final[Mapping[str, Mapping[str, Any]]] = {
    **{model: {"thinking": {"type": "disabled"}} for model in _THINK_AT_WILL},
    "claude-sonnet-5-5": {"thinking": {"type": "between_tools"}},
    "claude-fable-5": {"output_config": {"effort": "low"}},
    "claude-fable-5-1": {"output_config": {"effort": "low"}},
    "claude-opus-5-5": {"output_config": {"effort": "low"}},
}
_DATE: Final = re.compile(r"-\d{8}$")
# Models since Opus 4.7 take no temperature, which the error tells in words only.
_REFUSED: Final = re.compile(r"^`?(temperature)`?(?::| is deprecated| is not supported| may only be)")


def make_messages_url(base_url: str) -> str:
    """The address of the Messages API. base_url: with or without `/v1` at its end."""
    return base_url.rstrip("/").removesuffix("/v1") + _PATH


def make_headers(key: str) -> dict[str, str]:
    """Version and key; no key for a server without keys."""
    return {"anthropic-version": VERSION, **({"x-api-key": key} if key else {})}


def choose_thinking(model: str, effort: str | None) -> Mapping[str, Any]:
    """The fields of the request that say how much the model thinks. effort: `low` to `max`; None: as little as it
    takes."""
    if effort is not None:
        return {"output_config": {"effort": effort}}
    return _LEAST_THINKING.get(_DATE.sub("", model), {})


def find_refused_field(error: Mapping[str, Any]) -> str:
    """The field that the model does not take, if a reply can do without it: `temperature`, or empty. error: the object
    under `error`."""
    message = error.get("message")
    if error.get("type") != "invalid_request_error" or not isinstance(message, str):
        return ""
    found = _REFUSED.match(message)
    return found.group(1) if found else ""


def is_out_of_credit(error: Mapping[str, Any]) -> bool:
    """Whether the account's credit is used up; besides status 402 it is told by 400 with these words."""
    message = error.get("message")
    return error.get("type") == "billing_error" or (isinstance(message, str) and "credit balance" in message)
