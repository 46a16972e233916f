"""Computes X-Twilio-Signature over the URL configured at Twilio and the form's fields.

Webhooks and media sockets use this module.

An account's token signs with HMAC-SHA1 (Twilio's page "Webhooks Security"). If a Webhook Rule of the account names a
SharedKey, that key signs the same text with the algorithm in SETTINGS_HEADER (page "Sign webhooks with shared keys").
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, urlsplit, urlunsplit

SETTINGS_HEADER: Final = "X-Twilio-Webhooks-Signature-Settings"
HMAC_SHA1: Final = "HMAC_SHA1"
_HASHES: Final = {HMAC_SHA1: hashlib.sha1, "HMAC_SHA256": hashlib.sha256}
_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}


@dataclass(frozen=True, slots=True)
class SignatureSettings:
    """The content of SETTINGS_HEADER. `key_id` names the SharedKey; it is empty if the header names none."""

    key_id: str
    algorithm: str


def parse_settings(header: str) -> SignatureSettings:
    """Parse a header such as key=webhooks_sharedkey_1,algorithm=HMAC_SHA256. Its parts may be in any order."""
    parts = {name.strip(): value.strip() for name, _, value in (part.partition("=") for part in header.split(","))}
    return SignatureSettings(parts.get("key", ""), (parts.get("algorithm") or HMAC_SHA1).upper())


def sign(token: str, url: str, fields: Iterable[tuple[str, str]] = (), algorithm: str = HMAC_SHA1) -> str:
    """Return the signature header's value.

    Args:
        fields: All fields of the form, including empty ones. Equal pairs of name and value count once.

    Raises:
        KeyError: The algorithm is unknown.
    """
    text = url + "".join(name + value for name, value in sorted(set(fields)))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), _HASHES[algorithm]).digest()).decode()


def is_signed(
    tokens: Sequence[str],
    url: str,
    signature: str,
    *,
    fields: Iterable[tuple[str, str]] = (),
    body: bytes | None = None,
    algorithm: str = HMAC_SHA1,
) -> bool:
    """Return whether the signature was made with one of the tokens. Unknown algorithms are never accepted.

    Args:
        tokens: The valid tokens; two during a rotation.
        url: The configured public URL, never the URL that a request claims. It is tried with and without the scheme's
            default port, because proxies and Twilio differ in that.
        body: The body of a JSON request, whose SHA-256 is in the URL's `bodySHA256`. If it is set, the fields are not
            signed.
    """
    if algorithm not in _HASHES:
        return False
    pairs = tuple(fields)
    if body is not None:
        digest = parse_qs(urlsplit(url).query).get("bodySHA256", [""])[-1]
        if not hmac.compare_digest(digest.lower().encode(), hashlib.sha256(body).hexdigest().encode()):
            return False
        pairs = ()
    expected = [sign(token, variant, pairs, algorithm) for token in tokens for variant in _url_variants(url)]
    # Every token is compared, each in constant time, so that the duration reveals nothing.
    return any([hmac.compare_digest(value.encode(), signature.encode("utf-8", "replace")) for value in expected])


def _url_variants(url: str) -> tuple[str, ...]:
    """Return the URL with and without its scheme's default port."""
    parts = urlsplit(url)
    default = _PORTS.get(parts.scheme)
    try:
        port = parts.port
    except ValueError:
        return (url,)
    if default is None or port not in (None, default) or not parts.hostname:
        return (url,)
    other = f"{parts.netloc}:{default}" if port is None else parts.netloc.removesuffix(f":{default}")
    return url, urlunsplit((parts.scheme, other, parts.path, parts.query, parts.fragment))
