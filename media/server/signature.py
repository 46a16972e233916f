"""Twilio's signature on the upgrade of its media sockets."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from shared.twilio_signature import is_signed

# What is signed is the URL as Twilio was told it. Its documents say wss://; https:// has been seen.
_SPELLINGS: Final = {"wss": ("wss", "https"), "ws": ("ws", "http"), "https": ("wss", "https"), "http": ("ws", "http")}


@dataclass(frozen=True, slots=True)
class Signatures:
    """url: base of this server's sockets as Twilio knows it, without a path. tokens: of the accounts, any is good.
    required: whether a socket without a signature is refused; a wrong one always is."""

    url: str
    tokens: tuple[str, ...] = field(repr=False)
    required: bool = False

    def fault(self, path: str, given: Sequence[str]) -> str:
        """Why the upgrade is refused: "unsigned" or "forged"; empty when it is not. path: with its query. given: the
        header's values."""
        if not given:
            return "unsigned" if self.required else ""
        if not self.tokens:
            return "forged" if self.required else ""
        scheme, _, rest = self.url.partition("://")
        urls = [f"{spelt}://{rest}{path}" for spelt in _SPELLINGS[scheme]]
        good = len(given) == 1 and any([is_signed(self.tokens, url, given[0]) for url in urls])
        return "" if good else "forged"
