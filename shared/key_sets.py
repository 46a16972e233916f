"""The three sets of secret keys, separated by the programs that need them.

tokens: sign access tokens; the API's alone. vault: seal what the database holds; control's. bus: with them control
speaks with media nodes, and believes them; control's. A node has a pass (shared/bus/enrollment.py), which holds none.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.secrets import parse_keys

TOKEN_KEYS = "TOKEN_KEYS"
VAULT_KEYS = "VAULT_KEYS"
BUS_KEYS = "BUS_KEYS"
SECRET_KEYS = "SECRET_KEYS"


class KeySetError(ValueError):
    """setting: its name without the prefix. The message contains no key."""

    def __init__(self, setting: str, fault: str) -> None:
        super().__init__(fault)
        self.setting = setting


@dataclass(frozen=True, slots=True)
class KeySets:
    """Keys of 32 bytes; of each set the first seals or signs, and all open. shared: of the version before, which had
    one set for everything; at the end of each set, until VOCALIZED_SECRET_KEYS is removed."""

    tokens: tuple[bytes, ...] = field(repr=False)
    vault: tuple[bytes, ...] = field(repr=False)
    bus: tuple[bytes, ...] = field(repr=False)
    shared: tuple[bytes, ...] = field(default=(), repr=False)
    missing: tuple[str, ...] = ()

    @classmethod
    def all_from(cls, keys: Sequence[bytes]) -> "KeySets":
        """One list for everything, as platforms of the version before have it."""
        same = tuple(keys)
        return cls(same, same, same, same)


def make_key_sets(*, tokens: str = "", vault: str = "", bus: str = "", shared: str = "") -> KeySets:
    """Parses the settings of these names. A set that is empty is the shared one. Raises KeySetError for keys that
    cannot be parsed, a set without any, and a key that is in two sets."""
    given = {TOKEN_KEYS: tokens, VAULT_KEYS: vault, BUS_KEYS: bus, SECRET_KEYS: shared}
    parsed = {name: _parse(name, text) for name, text in given.items()}
    old = parsed.pop(SECRET_KEYS)
    _require_apart(parsed)
    missing = tuple(name for name, keys in parsed.items() if not keys)
    sets = {name: (*keys, *(one for one in old if one not in keys)) for name, keys in parsed.items()}
    return KeySets(sets[TOKEN_KEYS], sets[VAULT_KEYS], sets[BUS_KEYS], old, missing)


def _parse(name: str, text: str) -> tuple[bytes, ...]:
    try:
        return parse_keys(text) if text else ()
    except ValueError as error:
        raise KeySetError(name, str(error)) from None


def _require_apart(parsed: dict[str, tuple[bytes, ...]]) -> None:
    seen: dict[bytes, str] = {}
    for name, keys in parsed.items():
        for key in keys:
            if key in seen:
                raise KeySetError(name, f"a key of VOCALIZED_{seen[key]} is in it, too")
            seen[key] = name
