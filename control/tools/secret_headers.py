"""Values of secret headers, sealed at rest; never answered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from control.platform.audit import MASK
from control.tools.tool_config import origin_of
from shared.errors import Conflict, Invalid
from shared.secrets import Sealer, UnsealError

PURPOSE: Final = "tool_headers"
PARAM: Final = "secret_headers"
# Shorter ones would be found in any text.
SHORTEST_HIDDEN: Final = 8


@dataclass(frozen=True, slots=True)
class SealedHeaders:
    """names: shown to the members. sealed: names and values; None: there are none."""

    names: Sequence[str] = ()
    sealed: bytes | None = field(default=None, repr=False)


class HeaderSafe:
    """Seals and opens them."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def seal(self, headers: Mapping[str, str]) -> SealedHeaders:
        """Seals all values at once."""
        if not headers:
            return SealedHeaders()
        return SealedHeaders(sorted(headers), self._sealer.seal(msgspec.json.encode(dict(headers)), PURPOSE))

    def open(self, sealed: bytes | None) -> dict[str, str]:
        """Raises Conflict (code secrets_lost) where the key is gone."""
        if sealed is None:
            return {}
        try:
            return msgspec.json.decode(self._sealer.open(sealed, PURPOSE), type=dict[str, str])
        except (UnsealError, msgspec.DecodeError):
            raise Conflict(
                "The stored secret headers cannot be opened: send them again.", code="secrets_lost"
            ) from None

    def change(
        self, before: SealedHeaders, given: Mapping[str, str] | None, old_url: str, new_url: str
    ) -> SealedHeaders:
        """given: replaces all; None keeps them. Raises Invalid (code secrets_missing) when they would be sent to
        another host than they were given for: else whoever may change the address could read them."""
        if given is not None:
            return self.seal(given)
        if before.sealed is not None and origin_of(old_url) != origin_of(new_url):
            message = "A new host needs the secret headers again: the stored ones are sent nowhere else."
            raise Invalid(message, code="secrets_missing", param=PARAM)
        return before


def hide_secrets(text: str, secrets: Mapping[str, str]) -> str:
    """With MASK in place of the values, and of what follows a scheme such as Bearer: a server may send back what it was
    sent, and results are in the record of the call."""
    for value in secrets.values():
        for part in (value, value.partition(" ")[2]):
            if len(part) >= SHORTEST_HIDDEN:
                for written in _written(part):
                    text = text.replace(written, MASK)
    return text


def _written(value: str) -> list[str]:
    """A value as servers send it back: plain, and in texts of JSON, where some also escape each slash."""
    escaped = msgspec.json.encode(value).decode()[1:-1]
    return list(dict.fromkeys((value, escaped, escaped.replace("/", "\\/"))))


def require_distinct(headers: Mapping[str, str], secret_names: Sequence[str]) -> None:
    """Raises Invalid (code header_twice) for a header that is both open and secret."""
    secret = {name.lower() for name in secret_names}
    for name in headers:
        if name.lower() in secret:
            raise Invalid(f"The header {name} is given twice.", code="header_twice", param=f"config.headers.{name}")
