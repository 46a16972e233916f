"""Creates the key sets, and the authority that verifies media nodes, from the settings."""

from typing import Protocol

from pydantic import SecretStr

from shared.bus.authority import BusAuthority
from shared.key_sets import BUS_KEYS, KeySetError, KeySets, make_key_sets
from shared.secrets import Sealer


class GivenKeys(Protocol):
    """Settings that contain the keys."""

    token_keys: SecretStr
    vault_keys: SecretStr
    bus_keys: SecretStr
    secret_keys: SecretStr


def read_key_sets(settings: GivenKeys) -> KeySets:
    """Parse the key sets. Raises KeySetError."""
    return make_key_sets(
        tokens=settings.token_keys.get_secret_value(),
        vault=settings.vault_keys.get_secret_value(),
        bus=settings.bus_keys.get_secret_value(),
        shared=settings.secret_keys.get_secret_value(),
    )


def require_set(name: str, keys: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """Return the keys of a set. Raises KeySetError if the set is empty."""
    if not keys:
        raise KeySetError(name, "at least one key is required")
    return keys


def accepts_unsigned(keys: KeySets, choice: str) -> bool:
    """Return whether unsigned bus entries of the previous release are accepted.

    Args:
        choice: The setting; if empty, unsigned entries are accepted if the bus has no key.

    Raises:
        KeySetError: Unsigned entries are accepted, but the key that the previous release seals with is missing.
    """
    accepts = choice == "accept" or (not choice and BUS_KEYS in keys.missing)
    if accepts and not keys.shared:
        raise KeySetError("BUS_UNSIGNED", "needs VOCALIZED_SECRET_KEYS, by which the version before seals")
    return accepts


def make_authority(keys: KeySets, unsigned: bool) -> BusAuthority:
    """Create the authority. If `unsigned` is true, it accepts unsigned entries of the previous release."""
    return BusAuthority(keys.bus, unsigned=Sealer(keys.shared) if unsigned and keys.shared else None)
