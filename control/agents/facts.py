"""Placeholders in an agent's texts, such as {business_name}, and the facts that fill them."""

import re
from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from control.agents.config import AgentConfig

PLACEHOLDER: Final = re.compile(r"\{([a-z][a-z0-9_]{0,39})\}")


def fill_placeholders(text: str, facts: Mapping[str, str]) -> str:
    """The text with its placeholders filled once: braces inside a fact are not filled again. Unknown ones stay."""
    return PLACEHOLDER.sub(lambda found: facts.get(found[1], found[0]), text)


def find_texts(config: AgentConfig) -> dict[str, str]:
    """The texts that may hold placeholders and are spoken or sent to the language model, by their field's name."""
    announcement = config.recording.announcement if announces(config) else ""
    return {
        "greeting": config.greeting,
        "prompt": config.prompt,
        "goodbye": config.goodbye,
        "recording.announcement": announcement,
        "outside_hours.text": config.outside_hours.text if config.hours else "",
        "outside_hours.instructions": config.outside_hours.instructions if config.hours else "",
    }


def announces(config: AgentConfig) -> bool:
    """Whether the agent announces the recording."""
    return config.recording.enabled and config.recording.consent == "announced"


def find_placeholders(config: AgentConfig) -> tuple[str, ...]:
    """All placeholders, in the order of their first mention."""
    return tuple(
        dict.fromkeys(found[1] for text in find_texts(config).values() for found in PLACEHOLDER.finditer(text))
    )


def missing_facts(config: AgentConfig) -> tuple[str, ...]:
    """The placeholders without a fact."""
    return tuple(name for name in find_placeholders(config) if not config.facts.get(name, "").strip())


def missing_facts_of(stored: Mapping[str, Any]) -> tuple[str, ...]:
    """The same for a stored config; empty for one that only an older schema allowed."""
    try:
        return missing_facts(AgentConfig.model_validate(stored))
    except ValidationError:
        return ()


def preview_template(default_config: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The config of an agent made from a template, and the facts that it still needs."""
    try:
        config = AgentConfig.model_validate(default_config)
    except ValidationError:
        return dict(default_config), ()
    return config.model_dump(), missing_facts(config)
