"""The part of an agent's config about what is made of its calls once they are over."""

import operator
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from control.agents.config_part import PLAIN, ConfigPart
from control.agents.extraction_schema import require_extraction_schema

# A BCP 47 tag; empty: the agent's language.
_LANGUAGE = r"^([a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?)?$"


class AnalysisConfig(ConfigPart):
    """What is made of a call when it is over: a summary, the caller's sentiment, whether it was a success, and values
    extracted from it. A language model of the agent's chain reads the transcript; without one there is only a summary,
    of sentences of the call."""

    enabled: bool = Field(default=True, description="Analyse calls when they are over.")
    success_criterion: str = Field(
        default="",
        max_length=1_000,
        pattern=PLAIN,
        description="When a call is a success, in words, such as 'An appointment was booked'; up to 1,000 characters; "
        "empty: it is not judged.",
        examples=["An appointment was booked"],
    )
    language: str = Field(
        default="",
        max_length=20,
        pattern=_LANGUAGE,
        description="BCP 47 tag of the summary's language; empty: the agent's.",
        examples=["en"],
    )
    extraction: Annotated[dict[str, Any], AfterValidator(require_extraction_schema)] | None = Field(
        default=None,
        exclude_if=operator.not_,
        description="A JSON Schema of type object: the values that are extracted from the transcript, up to 50 "
        "properties in four levels. It may use type (object, array, string, number, integer, boolean), description, "
        "properties, required, items, and enum for texts; up to 8 KiB. A property that is not required may be null.",
        examples=[{"type": "object", "properties": {"appointment_day": {"type": "string"}}}],
    )
