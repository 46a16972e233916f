"""Options and features of Google's Gemini models; no I/O."""

from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct

from shared.providers.facts import ModelFacts, VendorFacts
from shared.providers.options import (
    ChatSeconds,
    ChatUrl,
)

GOOGLE_URL: Final = "https://generativelanguage.googleapis.com"


class GoogleOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """Options of a Gemini model.

    Attributes:
        base_url: Scheme and host, with or without the API's version.
        max_tokens: Limit of a reply including its thoughts.
        thinking_level: None selects the least thinking that the model supports.
        extra: More fields for the request's body, such as `safetySettings`.
        connect_s: Limit as in OpenAiOptions.
        first_token_s: Limit as in OpenAiOptions.
        idle_s: Limit as in OpenAiOptions.
    """

    model: Annotated[str, Meta(min_length=1)]
    base_url: ChatUrl = GOOGLE_URL
    api_key: str = ""
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    thinking_level: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None
    extra: dict[str, Any] = {}
    connect_s: ChatSeconds = 3.0
    first_token_s: ChatSeconds = 10.0
    idle_s: ChatSeconds = 10.0


_SERVICES: Final = (ModelFacts("Gemini", ("",), limits="requests and tokens a minute by tier"),)

FACTS: Final = VendorFacts(
    options={"llm": ("model", "temperature", "max_tokens", "thinking_level")},
    takes_key=True,
    takes_address=True,
    schemas={"llm": GoogleOptions},
    services={"llm": _SERVICES},
)
