"""Options and features of Anthropic's models; no I/O."""

from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct

from shared.providers.facts import ModelFacts, VendorFacts
from shared.providers.options import (
    ChatSeconds,
    ChatUrl,
)

ANTHROPIC_URL: Final = "https://api.anthropic.com"


class AnthropicOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """Options of an Anthropic model.

    Attributes:
        base_url: Scheme and host, with or without `/v1`.
        temperature: Accepted and ignored, because the API no longer takes sampling parameters. They are dropped from
            `extra`, too.
        max_tokens: Limit of a reply including its reasoning. The vendor requires a limit.
        effort: `output_config.effort`. None selects the least reasoning that the model supports.
        extra: More fields for the request's body.
        connect_s: Limit as in OpenAiOptions.
        first_token_s: Limit as in OpenAiOptions.
        idle_s: Limit as in OpenAiOptions.
    """

    model: Annotated[str, Meta(min_length=1)]
    base_url: ChatUrl = ANTHROPIC_URL
    api_key: str = ""
    temperature: Annotated[float, Meta(ge=0, le=1)] | None = None
    max_tokens: Annotated[int, Meta(ge=1)] = 1_024
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    extra: dict[str, Any] = {}
    connect_s: ChatSeconds = 3.0
    first_token_s: ChatSeconds = 10.0
    idle_s: ChatSeconds = 10.0


_SERVICES: Final = (ModelFacts("Claude", ("",), limits="requests and tokens a minute by tier"),)

FACTS: Final = VendorFacts(
    options={"llm": ("model", "temperature", "max_tokens", "effort")},
    takes_key=True,
    takes_address=True,
    schemas={"llm": AnthropicOptions},
    services={"llm": _SERVICES},
)
