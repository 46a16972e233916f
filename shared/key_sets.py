"""The three sets of secret keys, separated by the programs that need them.

`tokens` sign access tokens; only the API has them. `vault` seals what the database stores; only control has it. `bus`
secures and verifies what control exchanges with media nodes; only control has it. A node has a node credential
(shared/bus/enrollment.py), which contains none of these keys.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.secrets import parse_keys

TOKEN_KEYS = "TOKEN_KEYS"
VAULT_KEYS = "VAULT_KEYS"
BUS_KEYS = "BUS_KEYS"
SECRET_KEYS = "SECRET_KEYS"


class KeySetError(ValueError):
    """A set of keys is invalid. `setting` is its name without the prefix. The message contains no key."""

    def __init__(self, setting: str, fault: str) -> None:
        super().__init__(fault)
        self.setting = setting


@dataclass(frozen=True, slots=True)
class KeySets:
    """Keys of 32 bytes. In each set, the first key seals or signs, and all of them open.

    Attributes:
        shared: The keys of the previous version, which had one set for everything. They are at the end of each set
            until VOCALIZED_SECRET_KEYS is removed.
    """

    tokens: tuple[bytes, ...] = field(repr=False)
    vault: tuple[bytes, ...] = field(repr=False)
    bus: tuple[bytes, ...] = field(repr=False)
    shared: tuple[bytes, ...] = field(default=(), repr=False)
    missing: tuple[str, ...] = ()

    @classmethod
    def all_from(cls, keys: Sequence[bytes]) -> "KeySets":
        """Use one list for every set, as platforms of the previous version do."""
        same = tuple(keys)
        return cls(same, same, same, same)


def make_key_sets(*, tokens: str = "", vault: str = "", bus: str = "", shared: str = "") -> KeySets:
    """Parse the settings of these names. An empty set is replaced by the shared one.

    Raises:
        KeySetError: Keys cannot be parsed, a set has no keys, or a key is in two sets.
    """
    given = {TOKEN_KEYS: tokens, VAULT_KEYS: vault, BUS_KEYS: bus, SECRET_KEYS: shared}
    parsed = {name: _parse(name, text) for name, text in given.items()}
    old = parsed.pop(SECRET_KEYS)
    _require_apart(parsed)
    missing = tuple(name for name, keys in parsed.items() if not keys)
    sets = {name: (*keys, *(key for key in old if key not in keys)) for name, keys in parsed.items()}
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
