"""Turns settings of keys into keys. Raises for what is wrong with one, at the start."""

from collections.abc import Callable
from typing import TypeVar

import structlog
from pydantic import SecretStr

from config.settings import PREFIX, ControlSettings, KeySettings, SettingsError
from control.keys.settings import read_key_sets, require_set
from shared.key_sets import KeySetError, KeySets
from shared.secrets import parse_keys

log = structlog.get_logger()
T = TypeVar("T")


def parse_setting(name: str, parse: Callable[[], T]) -> T:
    """Parse a setting at the start, so that an invalid one is not found at its first use. Raises SettingsError."""
    try:
        return parse()
    except ValueError as error:
        raise SettingsError(f"settings: {PREFIX}{name}: {error}") from None


def key_sets(settings: ControlSettings | KeySettings) -> KeySets:
    """Raise SettingsError."""
    try:
        return read_key_sets(settings)
    except KeySetError as error:
        raise SettingsError(f"settings: {PREFIX}{error.setting}: {error}") from None


def require_keys(name: str, keys: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """These keys of the set `name`. Raises SettingsError where there are none."""
    return parse_setting(name, lambda: require_set(name, keys))


def warn_of_shared_keys(keys: KeySets) -> None:
    """Log each set that is missing, for which the keys of all are used."""
    for name in keys.missing if keys.shared else ():
        log.warning("settings.deprecated", setting=f"{PREFIX}SECRET_KEYS", instead=f"{PREFIX}{name}")


def optional_keys(name: str, keys: SecretStr) -> tuple[bytes, ...]:
    """Return the keys of a setting that may be empty. Raises SettingsError."""
    return parse_setting(name, lambda: parse_keys(keys.get_secret_value())) if keys else ()
