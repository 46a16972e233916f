"""Parses keys from settings at startup, and reports invalid settings."""

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
    """Parse a setting at startup, so that an invalid value is not found only at its first use. Raises SettingsError."""
    try:
        return parse()
    except ValueError as error:
        raise SettingsError(f"settings: {PREFIX}{name}: {error}") from None


def key_sets(settings: ControlSettings | KeySettings) -> KeySets:
    """Parse the key sets of the settings. Raises SettingsError."""
    try:
        return read_key_sets(settings)
    except KeySetError as error:
        raise SettingsError(f"settings: {PREFIX}{error.setting}: {error}") from None


def require_keys(name: str, keys: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """Return the keys of the set `name`. Raises SettingsError if the set is empty."""
    return parse_setting(name, lambda: require_set(name, keys))


def warn_of_shared_keys(keys: KeySets) -> None:
    """Log a warning for each missing key set. The common keys are used in place of a missing set."""
    for name in keys.missing if keys.shared else ():
        log.warning("settings.deprecated", setting=f"{PREFIX}SECRET_KEYS", instead=f"{PREFIX}{name}")


def optional_keys(name: str, keys: SecretStr) -> tuple[bytes, ...]:
    """Return the keys of a setting that may be empty. Raises SettingsError."""
    return parse_setting(name, lambda: parse_keys(keys.get_secret_value())) if keys else ()
