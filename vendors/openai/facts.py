"""What servers of OpenAI's chat completions can be asked; pure."""

from typing import Annotated, Any, Final

from msgspec import Meta, Struct

from shared.chat_dialects import Dialect
from shared.providers.facts import ModelFacts, VendorFacts
from shared.providers.options import (
    ChatSeconds,
    ChatUrl,
)

OPENAI_URL: Final = "https://api.openai.com/v1"


class OpenAiOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """base_url: up to and including the version ("https://api.openai.com/v1"); of Azure the resource's address, with or
    without /openai/v1. api_key: empty for servers without keys. model: on Azure the deployment's name.

    dialect: by default the one of base_url's host. api_version: of Azure, where base_url does not end in /openai/v1.
    priced_as: the model under which it is priced, where `model` is a name of one's own.
    max_tokens: sent under the name that the server wants; where that depends on the model, set max_completion_tokens.
    extra: further fields of the request's body, as the vendor names them.
    connect_s, first_token_s (from the request), idle_s (between tokens): limits, beyond which ProviderSlow is raised.
    """

    model: Annotated[str, Meta(min_length=1)]
    base_url: ChatUrl = OPENAI_URL
    api_key: str = ""
    dialect: Dialect | None = None
    api_version: str = ""
    priced_as: str = ""
    temperature: float | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    reasoning_effort: str | None = None
    extra: dict[str, Any] = {}
    connect_s: ChatSeconds = 3.0
    first_token_s: ChatSeconds = 10.0
    idle_s: ChatSeconds = 10.0


# Any model of any server.
_SERVICES: Final = (ModelFacts("chat completions", ("",), limits="the server's"),)

FACTS: Final = VendorFacts(
    options={"llm": ("model", "temperature", "max_tokens", "max_completion_tokens", "reasoning_effort")},
    takes_key=True,
    takes_address=True,
    schemas={"llm": OpenAiOptions},
    services={"llm": _SERVICES},
)
