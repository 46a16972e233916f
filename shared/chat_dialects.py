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

# Fields that a reply can do without, or that have another name: some models take no temperature but their own.
DISPENSABLE: Final = frozenset({"temperature", "max_tokens"})
# Codes of the answer to a field that a model does not take, whose `param` names it.
_REFUSED: Final = ("unsupported_parameter", "unsupported_value")

# The latest version of Azure's dated API that is no preview. Addresses that end in /openai/v1 take none.
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
    """key_header, key_prefix: how the key is sent. stream_options: of every streamed request. completion_limit: the
    field that limits the reply's tokens on all models, if there is one; elsewhere it depends on the model.
    bills_failures: whether a reply is billed that failed after it was accepted, and one without a token."""

    key_header: str = "Authorization"
    key_prefix: str = "Bearer "
    completion_limit: str = ""
    bills_failures: bool = True
    stream_options: Mapping[str, Any] = field(default_factory=lambda: {"include_usage": True})


RULES: Final[Mapping[Dialect, DialectRules]] = {
    # Obfuscation pads each chunk with random letters, against listeners who count bytes: bytes that a call waits for.
    "openai": DialectRules(
        completion_limit="max_completion_tokens",
        stream_options={"include_usage": True, "include_obfuscation": False},
    ),
    "groq": DialectRules(completion_limit="max_completion_tokens"),
    # "Zero completion insurance": openrouter.ai/docs/guides/features/zero-completion-insurance. Azure counts each
    # request that it answered with 200; the others say nothing of it.
    "openrouter": DialectRules(bills_failures=False),
    "azure": DialectRules(key_header="api-key", key_prefix="", completion_limit="max_completion_tokens"),
    "xai": DialectRules(completion_limit="max_completion_tokens"),
    "compatible": DialectRules(),
}
# xAI writes no codes but sentences: by what they have in common, OpenAI's code for the same. It answers a wrong key by
# 400, and an account without credit by 403 or 429.
_SENTENCES: Final[Mapping[str, str]] = {
    "incorrect api key": "invalid_api_key",
    "credits": "insufficient_quota",
    "spending limit": "insufficient_quota",
}
STATUS_OF_CODE: Final[Mapping[str, int]] = {"invalid_api_key": 401, "insufficient_quota": 402}


def detect_dialect(base_url: str) -> Dialect:
    """The dialect of the server at an address, by its host; `compatible` for a server of one's own."""
    host = (urlsplit(base_url).hostname or "").lower()
    if host in _HOSTS:
        return _HOSTS[host]
    return next((dialect for end, dialect in _HOST_ENDS.items() if host.endswith(end)), "compatible")


def make_chat_url(dialect: Dialect, base_url: str, model: str, api_version: str = "") -> str:
    """The address of chat completions. On Azure `model` is the name of the deployment."""
    base = base_url.rstrip("/")
    if dialect != "azure" or base.endswith(_AZURE_UNDATED):
        return f"{base}/chat/completions"
    deployment, version = quote(model, safe=""), quote(api_version or AZURE_API_VERSION, safe="")
    return f"{base.removesuffix('/openai')}/openai/deployments/{deployment}/chat/completions?api-version={version}"


def find_refused_field(code: object, param: object) -> str:
    """The field of the request that the model does not take, by an error's code and param; empty for other errors, and
    for fields that matter."""
    return param if code in _REFUSED and isinstance(param, str) and param in DISPENSABLE else ""


def count_completion(prompt: int, completion: int, total: int, reasoning: int) -> int:
    """Tokens of a reply, of reasoning too, by a server's figures: completion tokens include those of reasoning, but not
    xAI's, where the total shows that they come on top."""
    return completion + reasoning if total == prompt + completion + reasoning else completion


def read_sentence(error: str) -> str:
    """The code for an error that is told as a sentence; empty for an unknown one."""
    text = error.lower()
    return next((code for part, code in _SENTENCES.items() if part in text), "")


def make_key_headers(dialect: Dialect, key: str) -> dict[str, str]:
    """The header that carries the key; none for a server without keys."""
    rules = RULES[dialect]
    return {rules.key_header: rules.key_prefix + key} if key else {}
