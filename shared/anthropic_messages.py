"""How Anthropic's Messages API is addressed, which media and control share; pure.

Sources: the anthropic SDK 2.15.0 (`_client.py`, `_constants.py`, `types/model.py`, `types/message_create_params.py`),
and platform.claude.com "Migrating to API version 2026-10-21", "Extended thinking", "Effort" and "What's new in Claude
Fable 5.2". `python -m tools.vendor_versions` compares VERSION and the table of models with the SDK.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

VERSION: Final = "2026-10-21"
# This version answers 400 to each of these fields, for all models and even with the default value.
SAMPLING_FIELDS: Final = frozenset({"temperature", "top_p", "top_k"})
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
# Adaptive thinking is always on; `disabled` is answered with 400.
_ALWAYS_THINK: Final = (
    "claude-fable-5",
    "claude-fable-5-1",
    "claude-fable-5-2",
    "claude-mythos-5",
    "claude-mythos-5-1",
    "claude-mythos-5-2",
    "claude-opus-5-5",
)
# The least thinking that each model takes; others get the vendor's default. Sonnet 5.5 can be kept from thinking only
# before a reply's first words.
_LEAST_THINKING: Final[Mapping[str, Mapping[str, Any]]] = {
    **{model: {"thinking": {"type": "disabled"}} for model in _THINK_AT_WILL},
    **{model: {"output_config": {"effort": "low"}} for model in _ALWAYS_THINK},
    "claude-sonnet-5-5": {"thinking": {"type": "between_tools"}},
}
_DATE: Final = re.compile(r"-\d{8}$")


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


def knows_thinking(model: str) -> bool:
    """Whether the table has the least thinking of this model."""
    return _DATE.sub("", model) in _LEAST_THINKING


def drop_sampling(extra: Mapping[str, Any]) -> dict[str, Any]:
    """The configured fields of the body without those that this version of the API refuses."""
    return {name: value for name, value in extra.items() if name not in SAMPLING_FIELDS}


def is_out_of_credit(error: Mapping[str, Any]) -> bool:
    """Whether the account's credit is used up; besides status 402 it is told by 400 with these words."""
    message = error.get("message")
    return error.get("type") == "billing_error" or (isinstance(message, str) and "credit balance" in message)
