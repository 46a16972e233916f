"""X-Twilio-Signature, over the URL that Twilio has in its configuration and the form's fields. Used by webhooks and
media sockets. Source: Twilio's page "Webhooks Security"."""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from urllib.parse import parse_qs, urlsplit, urlunsplit

_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}


def sign(token: str, url: str, fields: Iterable[tuple[str, str]] = ()) -> str:
    """The header's value. fields: all fields of the form, with empty ones; equal pairs of name and value count once."""
    text = url + "".join(name + value for name, value in sorted(set(fields)))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


def is_signed(
    tokens: Sequence[str],
    url: str,
    signature: str,
    *,
    fields: Iterable[tuple[str, str]] = (),
    body: bytes | None = None,
) -> bool:
    """Whether the signature was made with one of the tokens (two while they rotate).

    url: the configured public URL, never the one that a request claims; tried with and without the scheme's default
    port, because proxies and Twilio differ in that. body: of a JSON request, whose SHA-256 is in the URL's
    `bodySHA256`; then the fields are not signed.
    """
    pairs = tuple(fields)
    if body is not None:
        digest = parse_qs(urlsplit(url).query).get("bodySHA256", [""])[-1]
        if not hmac.compare_digest(digest.lower().encode(), hashlib.sha256(body).hexdigest().encode()):
            return False
        pairs = ()
    expected = [sign(token, variant, pairs) for token in tokens for variant in _url_variants(url)]
    # All are compared, each in constant time, so that the duration reveals nothing.
    return any([hmac.compare_digest(one.encode(), signature.encode("utf-8", "replace")) for one in expected])


def _url_variants(url: str) -> tuple[str, ...]:
    """The URL with and without its scheme's default port."""
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
