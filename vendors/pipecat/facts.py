"""The options of a service of pipecat; pure."""

from typing import Annotated, Any, Final

from msgspec import Meta, Struct

from shared.providers.facts import VendorFacts


# By vendor and kind. `tests/test_vendors.py` holds it against media's adapters.
class PipecatOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """service: the class of the service, by its name or full name. settings: what its constructor and its `Settings`
    take. open_s: limit of a new session, the start of the process included."""

    service: str
    settings: dict[str, Any] = {}
    api_key: str = ""
    open_s: Annotated[float, Meta(gt=0, le=60)] = 10.0


FACTS: Final = VendorFacts(
    options={"stt": (), "llm": (), "tts": ()},
    runs_services=True,
    schemas={"stt": PipecatOptions, "llm": PipecatOptions, "tts": PipecatOptions},
)
