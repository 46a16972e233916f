"""Twilio's signature on the upgrade request of its media sockets."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from shared.twilio_signature import is_signed

# Twilio signs the URL that it was configured with. Its documents say wss://; https:// has been seen.
_SCHEMES: Final = {"wss": ("wss", "https"), "ws": ("ws", "http"), "https": ("wss", "https"), "http": ("ws", "http")}


@dataclass(frozen=True, slots=True)
class SignatureCheck:
    """url: base of this server's sockets as Twilio knows it, without a path. tokens: of the accounts, any is accepted.
    required: whether a socket without a signature is refused; a wrong signature always is."""

    url: str
    tokens: tuple[str, ...] = field(repr=False)
    required: bool = False

    def error(self, path: str, signatures: Sequence[str]) -> str:
        """Why the upgrade is refused: "unsigned" or "forged"; empty when it is accepted. path: with its query.
        signatures: the header's values."""
        if not signatures:
            return "unsigned" if self.required else ""
        if not self.tokens:
            return "forged" if self.required else ""
        scheme, _, rest = self.url.partition("://")
        urls = [f"{variant}://{rest}{path}" for variant in _SCHEMES[scheme]]
        valid = len(signatures) == 1 and any([is_signed(self.tokens, url, signatures[0]) for url in urls])
        return "" if valid else "forged"
