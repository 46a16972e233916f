"""Keys of providers: sealed in the database, opened only for a call's plan and for a test of the provider."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from control.voice.routing.rules import ProviderOffer
from shared.errors import Invalid
from shared.secrets import Sealer, UnsealError

# Purpose that providers' keys are sealed with.
KEY_PURPOSE: Final = "provider key"
# The option by which media gets a key.
KEY_OPTION: Final = "api_key"
MAX_KEY_CHARACTERS: Final = 4_096


def require_key(key: str, param: str) -> None:
    """Raises Invalid, which names `param`, for a key that no HTTP header can carry."""
    if not key or len(key) > MAX_KEY_CHARACTERS or not (key.isascii() and key.isprintable()) or " " in key:
        raise Invalid("A key is one word of printable ASCII characters.", code="key_invalid", param=param)


def seal_key(sealer: Sealer, key: str, param: str = "key") -> bytes:
    """Raises as `require_key`."""
    require_key(key, param)
    return sealer.seal(key.encode(), KEY_PURPOSE)


def open_key(sealer: Sealer, sealed: bytes) -> str | None:
    """Returns the key; None if it cannot be unsealed."""
    try:
        return sealer.open(sealed, KEY_PURPOSE).decode()
    except (UnsealError, UnicodeDecodeError):
        return None


def open_keys(sealer: Sealer, sealed: Mapping[str, bytes], needing: Collection[str]) -> dict[str, str]:
    """Returns the keys of the providers that need one. A key that cannot be unsealed counts as missing."""
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
