"""Keys of providers, which are stored sealed and opened only for call plans and provider tests."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from control.voice.routing.rules import ProviderOffer
from shared.errors import Invalid
from shared.secrets import Sealer, UnsealError

# Purpose that is bound to sealed provider keys.
KEY_PURPOSE: Final = "provider key"
# The option that passes a key to media.
KEY_OPTION: Final = "api_key"
MAX_KEY_CHARACTERS: Final = 4_096


def require_key(key: str, param: str) -> None:
    """Raise Invalid, which names `param`, if an HTTP header cannot carry the key."""
    if not key or len(key) > MAX_KEY_CHARACTERS or not (key.isascii() and key.isprintable()) or " " in key:
        raise Invalid("A key is one word of printable ASCII characters.", code="key_invalid", param=param)


def seal_key(sealer: Sealer, key: str, param: str = "key") -> bytes:
    """Return the key sealed for storage. Raises Invalid as `require_key` does."""
    require_key(key, param)
    return sealer.seal(key.encode(), KEY_PURPOSE)


def open_key(sealer: Sealer, sealed: bytes) -> str | None:
    """Return the key, or None if it cannot be unsealed."""
    try:
        return sealer.open(sealed, KEY_PURPOSE).decode()
    except (UnsealError, UnicodeDecodeError):
        return None


def open_keys(sealer: Sealer, sealed: Mapping[str, bytes], needing: Collection[str]) -> dict[str, str]:
    """Return the keys of the providers that need one. A key that cannot be unsealed counts as missing."""
    opened = {provider: open_key(sealer, key) for provider, key in sealed.items() if provider in needing}
    return {provider: key for provider, key in opened.items() if key is not None}


@dataclass(frozen=True, slots=True)
class KeyedProvider:
    """A provider with its platform key.

    Attributes:
        key: Empty for a server without keys.
    """

    offer: ProviderOffer
    key: str = field(repr=False)
