"""The languages of an agent besides its main one."""

import operator
from collections.abc import Sequence
from typing import Annotated, Final

from pydantic import Field

from control.agents.config_part import PLAIN, ConfigPart
from control.agents.option_types import Options, Provider
from shared.plan import MOST_MORE_LANGUAGES

FIELD: Final = "additional_languages"
LANGUAGE: Final = r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?$"


class AdditionalLanguage(ConfigPart):
    """A language that the agent goes on in when the caller speaks it."""

    language: str = Field(
        max_length=20, pattern=LANGUAGE, description="BCP 47 tag, such as es or fr-CA.", examples=["en"]
    )
    voices: dict[Provider, Options] = Field(
        default={},
        max_length=8,
        description="Voices of this language, by their provider, with options that go before all others. Without any, "
        "the agent's voices speak it that can.",
        examples=[{"cartesia": {"speed": 1.1}}],
    )
    goodbye: str = Field(
        default="",
        max_length=400,
        pattern=PLAIN,
        description="The agent's last words in this language, up to 400 characters; may hold {placeholders}; empty: "
        "the platform's in English, German, Spanish and French, else the agent's `goodbye`.",
        examples=["Thank you for calling. Goodbye."],
    )


# Left out where it is empty: programs of the version before refuse an unknown field.
AdditionalLanguages = Annotated[
    list[AdditionalLanguage],
    Field(
        max_length=MOST_MORE_LANGUAGES,
        exclude_if=operator.not_,
        description="Languages besides `language` in which the agent goes on, voice and all, once the caller speaks "
        "them; up to 4. The first recogniser has to hear all of them and tell which was spoken.",
    ),
]


def name_goodbye(place: int) -> str:
    """The name of a language's goodbye among an agent's texts."""
    return f"{FIELD}.{place}.goodbye"


def list_goodbyes(languages: Sequence[AdditionalLanguage]) -> dict[str, str]:
    """The goodbyes by their names."""
    return {name_goodbye(place): one.goodbye for place, one in enumerate(languages)}
