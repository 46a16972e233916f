"""Placeholders in an agent's texts, such as {business_name}, and the values that fill them."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import ValidationError

from control.agents.config import AgentConfig
from control.agents.config_parts import list_goodbyes
from control.agents.variables import BUILT_IN, CONTACT_PREFIX, PlannedCall, built_in_values

PLACEHOLDER: Final = re.compile(r"\{([a-z][a-z0-9_]{0,39})\}")


def fill_placeholders(text: str, values: Mapping[str, str]) -> str:
    """Return the text with its placeholders filled once. Braces inside a value are not filled again.

    A placeholder without a value is removed, so that nobody hears its name.
    """
    return PLACEHOLDER.sub(lambda found: values.get(found[1], ""), text)


def filled_length(text: str, lengths: Mapping[str, int]) -> int:
    """Return the length of the filled text, in characters, without filling it.

    Args:
        lengths: Lengths of the values.
    """
    found = PLACEHOLDER.finditer(text)
    return len(text) + sum(lengths.get(placeholder[1], 0) - len(placeholder[0]) for placeholder in found)


def find_texts(config: AgentConfig) -> dict[str, str]:
    """Return the texts that may contain placeholders and are spoken or sent to the language model, by field name."""
    announcement = config.recording.announcement if announces(config) else ""
    return {
        "greeting": config.greeting,
        "prompt": config.prompt,
        "goodbye": config.goodbye,
        "voicemail_message": config.voicemail_message,
        "screening_message": config.screening_message,
        "disclosure": config.disclosure,
        "recording.announcement": announcement,
        "outside_hours.text": config.outside_hours.text if config.hours else "",
        **list_goodbyes(config.additional_languages),
        "outside_hours.instructions": config.outside_hours.instructions if config.hours else "",
    }


def announces(config: AgentConfig) -> bool:
    """Return whether the agent announces the recording."""
    return config.recording.enabled and config.recording.consent == "announced"


def find_placeholders(config: AgentConfig) -> tuple[str, ...]:
    """Return all placeholders, in the order of their first mention."""
    return tuple(
        dict.fromkeys(found[1] for text in find_texts(config).values() for found in PLACEHOLDER.finditer(text))
    )


def make_values(config: AgentConfig, call: PlannedCall, agent_name: str) -> dict[str, str]:
    """Return the values of the placeholders in this call.

    The first value that is not blank is used: the call's own variable, the contact's value, the agent's default for the
    variable, the agent's fact, or the built-in value with this name. The default of `contact_first_name` therefore
    applies to unknown callers.
    """
    defaults = {name: variable.default for name, variable in config.variables.items()}
    return {
        **built_in_values(call, agent_name),
        **_without_blanks(config.facts),
        **_without_blanks(defaults),
        **_without_blanks(call.contact),
        **_without_blanks(call.variables),
    }


def names_contact(stored: Mapping[str, Any]) -> bool:
    """Return whether a stored config needs the contact.

    A text may contain a placeholder of the contact, or recognizers expect the contact's name.
    """
    return bool(stored.get("keyterms")) or any(f"{{{CONTACT_PREFIX}" in text for text in _texts_of(stored))


def _texts_of(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _texts_of(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts_of(part)


def missing_facts(config: AgentConfig) -> tuple[str, ...]:
    """Return the placeholders that have no value in a call without its own variables."""
    known = {*BUILT_IN, *config.variables}
    return tuple(
        name for name in find_placeholders(config) if name not in known and not config.facts.get(name, "").strip()
    )


def missing_variables(config: AgentConfig, variables: Mapping[str, str]) -> tuple[str, ...]:
    """Return the values that an outbound call must still bring. A blank value counts as missing.

    These are the values that the agent requires, and the placeholders that nothing else fills.

    Args:
        variables: The call's own variables.
    """
    required = (name for name, variable in config.variables.items() if variable.required)
    wanted = dict.fromkeys((*required, *missing_facts(config)))
    return tuple(name for name in wanted if not variables.get(name, "").strip())


def _without_blanks(values: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if value.strip()}


def missing_facts_of(stored: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the missing facts of a stored config. Returns none for a config that only an older schema allowed."""
    try:
        return missing_facts(AgentConfig.model_validate(stored))
    except ValidationError:
        return ()


def missing_variables_of(stored: Mapping[str, Any], variables: Mapping[str, str]) -> tuple[str, ...]:
    """Return the missing variables of a stored config. Returns none for a config that only an older schema allowed."""
    try:
        return missing_variables(AgentConfig.model_validate(stored), variables)
    except ValidationError:
        return ()


def preview_template(default_config: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the config of an agent created from a template, and the facts that it still needs."""
    try:
        config = AgentConfig.model_validate(default_config)
    except ValidationError:
        return dict(default_config), ()
    return config.model_dump(), missing_facts(config)
