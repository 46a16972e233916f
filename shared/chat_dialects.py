"""Differences between servers of OpenAI's chat completions: address, key header, field names. Pure.

Sources: the openai SDK 3.57.0 (`lib/azure.py`, `types/chat/`), the groq SDK 1.7.0, openrouter.ai/docs, and the services
of the five vendors in pipecat-ai 1.14.0. xAI: docs/develop/vendors/xai.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args
from urllib.parse import quote, urlsplit

Dialect = Literal["openai", "groq", "openrouter", "azure", "xai", "compatible"]
DIALECTS: Final[tuple[Dialect, ...]] = get_args(Dialect)

# Optional fields, and fields that some models name differently. Some models accept only their own temperature.
DISPENSABLE: Final = frozenset({"temperature", "max_tokens"})
# Error codes for a field that the model does not accept; the error's `param` names the field.
_REFUSED: Final = ("unsupported_parameter", "unsupported_value")

# The latest version of Azure's dated API that is not a preview. Addresses that end in /openai/v1 take no version.
AZURE_API_VERSION: Final = "2024-10-21"
_AZURE_UNDATED: Final = "/openai/v1"
_HOSTS: Final[Mapping[str, Dialect]] = {
    "api.openai.com": "openai",
    "api.groq.com": "groq",
    "openrouter.ai": "openrouter",
    "api.x.ai": "xai",
}
# Regional hosts of OpenAI and xAI, and an Azure resource's own host.
_HOST_ENDS: Final[Mapping[str, Dialect]] = {
    ".api.x.ai": "xai",
    ".api.openai.com": "openai",
    ".openai.azure.com": "azure",
    ".cognitiveservices.azure.com": "azure",
    ".services.ai.azure.com": "azure",
}


@dataclass(frozen=True, slots=True)
class DialectRules:
    """How a dialect differs from OpenAI's API.

    Attributes:
        key_header: The header that carries the key.
        key_prefix: The text in front of the key.
        completion_limit: The field that limits the reply's tokens on all models. Empty if the field depends on the
            model.
        bills_failures: The vendor bills replies that failed after they were accepted, and replies without a token.
        stream_options: Sent with every streamed request.
    """

    key_header: str = "Authorization"
    key_prefix: str = "Bearer "
    completion_limit: str = ""
    bills_failures: bool = True
    stream_options: Mapping[str, Any] = field(default_factory=lambda: {"include_usage": True})


RULES: Final[Mapping[Dialect, DialectRules]] = {
    # Obfuscation pads each chunk with random letters to hide its length from eavesdroppers. Calls would wait for these
    # bytes.
    "openai": DialectRules(
        completion_limit="max_completion_tokens",
        stream_options={"include_usage": True, "include_obfuscation": False},
    ),
    "groq": DialectRules(completion_limit="max_completion_tokens"),
    # "Zero completion insurance": openrouter.ai/docs/guides/features/zero-completion-insurance. Azure bills each
    # request that it answered with 200. The other vendors do not document this.
    "openrouter": DialectRules(bills_failures=False),
    "azure": DialectRules(key_header="api-key", key_prefix="", completion_limit="max_completion_tokens"),
    "xai": DialectRules(completion_limit="max_completion_tokens"),
    "compatible": DialectRules(),
}
# xAI sends sentences in place of codes: maps words that these sentences have in common to OpenAI's code. xAI answers a
# wrong key with 400, and an account without credit with 403 or 429.
_SENTENCES: Final[Mapping[str, str]] = {
    "incorrect api key": "invalid_api_key",
    "credits": "insufficient_quota",
    "spending limit": "insufficient_quota",
}
STATUS_OF_CODE: Final[Mapping[str, int]] = {"invalid_api_key": 401, "insufficient_quota": 402}


def detect_dialect(base_url: str) -> Dialect:
    """Return the dialect of the server at an address, by its host; `compatible` for unknown hosts."""
    host = (urlsplit(base_url).hostname or "").lower()
    if host in _HOSTS:
        return _HOSTS[host]
    return next((dialect for end, dialect in _HOST_ENDS.items() if host.endswith(end)), "compatible")


def make_chat_url(dialect: Dialect, base_url: str, model: str, api_version: str = "") -> str:
    """Return the address of chat completions. On Azure, `model` is the name of the deployment."""
    base = base_url.rstrip("/")
    if dialect != "azure" or base.endswith(_AZURE_UNDATED):
        return f"{base}/chat/completions"
    deployment, version = quote(model, safe=""), quote(api_version or AZURE_API_VERSION, safe="")
    return f"{base.removesuffix('/openai')}/openai/deployments/{deployment}/chat/completions?api-version={version}"


def find_refused_field(code: object, param: object) -> str:
    """Return the field that the model does not accept, from an error's code and param. Empty for other errors and for
    fields that a request needs."""
    return param if code in _REFUSED and isinstance(param, str) and param in DISPENSABLE else ""


def count_completion(prompt: int, completion: int, total: int, reasoning: int) -> int:
    """Return the tokens of a reply, including reasoning.

    Completion tokens include reasoning tokens, except at xAI, where the total shows that they are counted separately.
    """
    return completion + reasoning if total == prompt + completion + reasoning else completion


def read_sentence(error: str) -> str:
    """Return the code for an error that is described in a sentence, or an empty text if the sentence is unknown."""
    text = error.lower()
    return next((code for part, code in _SENTENCES.items() if part in text), "")


def make_key_headers(dialect: Dialect, key: str) -> dict[str, str]:
    """Return the header that carries the key, or no header for a server without keys."""
    rules = RULES[dialect]
    return {rules.key_header: rules.key_prefix + key} if key else {}
