"""The texts of a call's plan: the agent's, with their placeholders filled. Their lengths are reckoned before they are
filled, because a long fact that is mentioned often makes gigabytes of a short prompt."""

from collections.abc import Iterator, Mapping
from typing import Final

from control.agents.config import AgentConfig
from control.agents.facts import announces, fill_placeholders, filled_length
from control.agents.language_config import FIELD, list_goodbyes
from control.agents.outside_hours import LONGEST_ADDITION
from control.agents.variables import BUILT_IN, LONGEST_BUILT_IN
from shared.errors import Invalid
from shared.plan import (
    LONGEST_ANNOUNCEMENT,
    LONGEST_GOODBYE,
    LONGEST_GREETING,
    LONGEST_PROMPT,
    LONGEST_VOICEMAIL,
    PlanError,
)


class TextTooLong(PlanError):
    """A text would be too long with its placeholders filled; the message names every such text."""


# Spoken in the greeting's place, or before the call is ended.
CLOSING_TEXT: Final = "outside_hours.text"
LONGEST_TEXTS: Final[Mapping[str, int]] = {
    "greeting": LONGEST_GREETING,
    "prompt": LONGEST_PROMPT,
    "goodbye": LONGEST_GOODBYE,
    "voicemail_message": LONGEST_VOICEMAIL,
    "screening_message": LONGEST_VOICEMAIL,
    "disclosure": LONGEST_ANNOUNCEMENT,
    "recording.announcement": LONGEST_ANNOUNCEMENT,
}


def fill_texts(config: AgentConfig, values: Mapping[str, str]) -> dict[str, str]:
    """By the names in LONGEST_TEXTS, and of further languages. Raises TextTooLong."""
    too_long = find_too_long(config, {name: len(value) for name, value in values.items()})
    if too_long:
        raise TextTooLong(f"plan: {'; '.join(f'agent.{_fault(name)}' for name in too_long)}")
    return {name: fill_placeholders(text, values) for name, text in _texts(config).items()}


def find_too_long(config: AgentConfig, lengths: Mapping[str, int]) -> list[str]:
    """The texts that are too long when their placeholders are filled. lengths: of the values, in characters."""
    return [name for name, text in _texts(config).items() if filled_length(text, lengths) > _longest(name)]


def require_fillable(config: AgentConfig, at: str) -> None:
    """Refuses a config whose texts would be too long in a call without variables of its own. at: the config's field.
    Raises Invalid (code too_long)."""
    lengths = dict.fromkeys(BUILT_IN, LONGEST_BUILT_IN) | {name: len(fact) for name, fact in config.facts.items()}
    lengths |= {name: len(one.default) for name, one in config.variables.items() if one.default.strip()}
    for name in (*find_too_long(config, lengths), *_find_too_long_by_hours(config, lengths)):
        raise Invalid(f"{at}.{_fault(name)}", param=f"{at}.{name}", code="too_long")


def _find_too_long_by_hours(config: AgentConfig, lengths: Mapping[str, int]) -> Iterator[str]:
    """What opening hours make too long: the text in the greeting's place, and the prompt with all that they add to
    it."""
    if config.hours is None:
        return
    outside = config.outside_hours
    if filled_length(outside.text, lengths) > LONGEST_GREETING:
        yield CLOSING_TEXT
    if filled_length(f"{config.prompt}{outside.instructions}", lengths) + LONGEST_ADDITION > LONGEST_PROMPT:
        yield "prompt"


def _texts(config: AgentConfig) -> dict[str, str]:
    return {
        "greeting": config.greeting,
        "prompt": config.prompt,
        "goodbye": config.goodbye,
        "voicemail_message": config.voicemail_message,
        "screening_message": config.screening_message,
        "disclosure": config.disclosure,
        "recording.announcement": config.recording.announcement if announces(config) else "",
        **list_goodbyes(config.additional_languages),
    }


def _longest(name: str) -> int:
    """Characters that a text may have."""
    is_goodbye = name.startswith(FIELD)
    return LONGEST_GOODBYE if is_goodbye else LONGEST_TEXTS.get(name, LONGEST_GREETING)


def _fault(name: str) -> str:
    most = _longest(name)
    return f"{name}: more than {most:,} characters with its placeholders filled and what goes before or behind it"
