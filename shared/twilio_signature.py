"""X-Twilio-Signature: over the URL as Twilio was told it and the form's fields; used by webhooks and media sockets."""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from urllib.parse import parse_qs, urlsplit, urlunsplit

_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}


def sign(token: str, url: str, fields: Iterable[tuple[str, str]] = ()) -> str:
    """The header's value. fields: all of the form's, also empty ones; of repeated names each value counts once."""
    text = url + "".join(name + value for name, value in sorted(set(fields)))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


def is_signed(
    tokens: Sequence[str], url: str, given: str, *, fields: Iterable[tuple[str, str]] = (), body: bytes | None = None
) -> bool:
    """Whether one of the tokens (old and new while they rotate) made this signature.

    url: the configured public one, never what a request claims; with and without the scheme's own port, as proxies and
    Twilio differ in that. body: of a JSON request, its SHA-256 is in the URL's `bodySHA256`; then no field counts.
    """
    pairs = tuple(fields)
    if body is not None:
        told = parse_qs(urlsplit(url).query).get("bodySHA256", [""])[-1]
        if not hmac.compare_digest(told.lower().encode(), hashlib.sha256(body).hexdigest().encode()):
            return False
        pairs = ()
    made = [sign(token, spelt, pairs) for token in tokens for spelt in _spellings(url)]
    # All are compared, each in constant time: how long it takes tells nothing.
    return any([hmac.compare_digest(one.encode(), given.encode("utf-8", "replace")) for one in made])


def _spellings(url: str) -> tuple[str, ...]:
    """The URL with and without its scheme's usual port."""
    parts = urlsplit(url)
    usual = _PORTS.get(parts.scheme)
    try:
        port = parts.port
    except ValueError:
        return (url,)
    if usual is None or port not in (None, usual) or not parts.hostname:
        return (url,)
    other = f"{parts.netloc}:{usual}" if port is None else parts.netloc.removesuffix(f":{usual}")
    return url, urlunsplit((parts.scheme, other, parts.path, parts.query, parts.fragment))
