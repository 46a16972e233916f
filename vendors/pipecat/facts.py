"""Options of a pipecat service; no I/O."""

from typing import Annotated, Any, Final

from msgspec import Meta, Struct

from shared.providers.facts import VendorFacts


class PipecatOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """Options of a pipecat service.

    Attributes:
        service: The service's class, by name or full name.
        settings: Arguments of its constructor and of its `Settings`.
        open_s: Time limit for a new session, including the start of the process.
    """

    service: str
    settings: dict[str, Any] = {}
    api_key: str = ""
    open_s: Annotated[float, Meta(gt=0, le=60)] = 10.0


FACTS: Final = VendorFacts(
    options={"stt": (), "llm": (), "tts": ()},
    runs_services=True,
    schemas={"stt": PipecatOptions, "llm": PipecatOptions, "tts": PipecatOptions},
)
