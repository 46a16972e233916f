"""Options of servers with OpenAI's chat completions; no I/O."""

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
    """Options of a model behind chat completions.

    Attributes:
        model: The model's name; on Azure, the deployment's name.
        base_url: The URL up to and including the version ("https://api.openai.com/v1"). For Azure: the resource's URL,
            with or without /openai/v1.
        api_key: Empty for servers without keys.
        dialect: The server's dialect. None detects the dialect from the host in base_url.
        api_version: For Azure, if base_url does not end in /openai/v1.
        priced_as: The model used for pricing, if `model` is a custom name.
        max_tokens: Sent under the name that the server expects. If the name depends on the model, set
            max_completion_tokens.
        extra: More fields for the request's body, as the vendor names them.
        connect_s: Time limit for a new connection. ProviderSlow is raised beyond this and the following limits.
        first_token_s: Time limit from the request to the first token.
        idle_s: Time limit between tokens.
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
