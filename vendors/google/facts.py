"""What Google's models can do and be asked; pure."""

from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct

from shared.providers.facts import ModelFacts, VendorFacts
from shared.providers.options import (
    ChatSeconds,
    ChatUrl,
)

GOOGLE_URL: Final = "https://generativelanguage.googleapis.com"


class GoogleOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """base_url: scheme and host, with or without the API's version. max_tokens: of a reply, its thoughts included.
    thinking_level: None has the model think as little as it can be made to. extra: further fields of the request's
    body (`safetySettings`). connect_s, first_token_s, idle_s: as of OpenAiOptions."""

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
