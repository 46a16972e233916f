"""Twilio's signature on the upgrade request of its media sockets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from shared.twilio_signature import HMAC_SHA1, is_signed, parse_settings

# Twilio signs the URL that it was configured with. Its documents say wss://; https:// has been seen.
_SCHEMES: Final = {"wss": ("wss", "https"), "ws": ("ws", "http"), "https": ("wss", "https"), "http": ("ws", "http")}


@dataclass(frozen=True, slots=True)
class SignatureCheck:
    """url: base of this server's sockets as Twilio knows it, without a path. tokens: of the accounts, any is accepted.
    required: whether a socket without a valid signature is refused; otherwise the ticket alone protects it.
    shared_keys: secrets by id, which sign where a Webhook Rule of Twilio says so."""

    url: str
    tokens: tuple[str, ...] = field(repr=False)
    required: bool = False
    shared_keys: Mapping[str, str] = field(default_factory=dict, repr=False)

    def error(self, path: str, signatures: Sequence[str], settings: Sequence[str] = ()) -> str:
        """Return why the upgrade has no valid signature: "unsigned" or "forged"; empty if it has one. Without keys
        nothing can be checked: any signature is "forged" if signatures are required, else valid.

        Args:
            path: Path of the request with its query.
            signatures: Values of X-Twilio-Signature.
            settings: Values of SETTINGS_HEADER.
        """
        if not signatures:
            return "unsigned"
        if not self.tokens and not self.shared_keys:
            return "forged" if self.required else ""
        if len(signatures) > 1 or len(settings) > 1:
            return "forged"
        return "" if self._is_valid(path, signatures[0], settings[0] if settings else "") else "forged"

    def _is_valid(self, path: str, signature: str, header: str) -> bool:
        secrets, algorithm = self.tokens, HMAC_SHA1
        if header:
            named = parse_settings(header)
            secrets, algorithm = tuple(filter(None, [self.shared_keys.get(named.key_id)])), named.algorithm
        scheme, _, rest = self.url.partition("://")
        urls = [f"{variant}://{rest}{form}" for variant in _SCHEMES[scheme] for form in _path_forms(path)]
        return any([is_signed(secrets, url, signature, algorithm=algorithm) for url in urls])


def _path_forms(path: str) -> tuple[str, str]:
    """Return the path without and with a slash at its end: whether Twilio signs it with one is not documented."""
    bare, mark, query = path.partition("?")
    bare = bare.rstrip("/")
    return f"{bare}{mark}{query}", f"{bare}/{mark}{query}"
