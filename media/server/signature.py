"""Twilio's signature on the upgrade request of its media sockets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from shared.twilio_signature import HMAC_SHA1, is_signed, parse_settings

# Twilio signs the URL with which it was configured. Its documentation uses wss://, but https:// also occurs.
_SCHEMES: Final = {"wss": ("wss", "https"), "ws": ("ws", "http"), "https": ("wss", "https"), "http": ("ws", "http")}


@dataclass(frozen=True, slots=True)
class SignatureCheck:
    """Checks the signatures of upgrade requests.

    Attributes:
        url: The base URL of this server's sockets as configured at Twilio, without a path.
        tokens: The tokens of the accounts. Any of them is accepted.
        required: A socket without a valid signature is refused. Otherwise only the ticket protects it.
        shared_keys: Secrets by id, which sign if a Webhook Rule of Twilio uses them.
    """

    url: str
    tokens: tuple[str, ...] = field(repr=False)
    required: bool = False
    shared_keys: Mapping[str, str] = field(default_factory=dict, repr=False)

    def error(self, path: str, signatures: Sequence[str], settings: Sequence[str] = ()) -> str:
        """Return why the upgrade has no valid signature: "unsigned" or "forged". Returns "" if the signature is valid.

        Without any key, signatures cannot be checked: a signature is "forged" if signatures are required, and accepted
        otherwise.

        Args:
            path: The path of the request with its query.
            signatures: The values of X-Twilio-Signature.
            settings: The values of SETTINGS_HEADER.
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
    """Return the path with and without a slash at its end, because Twilio does not document which form it signs."""
    bare, mark, query = path.partition("?")
    bare = bare.rstrip("/")
    return f"{bare}{mark}{query}", f"{bare}/{mark}{query}"
