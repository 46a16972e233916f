"""What Anthropic's models can do and be asked; pure."""

from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct

from shared.providers.facts import ModelFacts, VendorFacts
from shared.providers.options import (
    ChatSeconds,
    ChatUrl,
)

ANTHROPIC_URL: Final = "https://api.anthropic.com"


class AnthropicOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """base_url: scheme and host, with or without `/v1`. temperature: accepted and ignored, because the API no longer
    takes sampling parameters; they are dropped from `extra`, too. max_tokens: of a reply, its reasoning included; the
    vendor wants a limit. effort: `output_config.effort`; None has the model think as little as it can be made to.
    extra: further fields of the request's body. connect_s, first_token_s, idle_s: as of OpenAiOptions."""

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
