"""X-Twilio-Signature (docs: usage/webhooks/webhooks-security)."""

import base64
import hashlib
import hmac
from collections.abc import Iterable


def sign(auth_token: str, url: str, fields: Iterable[tuple[str, str]] = ()) -> str:
    """base64(HMAC-SHA1(token, URL + name + value of every field, sorted by name)).

    url: as configured, with port and query, without fragment. fields: of a form POST, also blank ones; equal values of
    a repeated name count once.
    """
    signed = url + "".join(name + value for name, value in sorted(set(fields)))
    digest = hmac.new(auth_token.encode("utf-8"), signed.encode("utf-8"), hashlib.sha1).digest()
    return base64.b64encode(digest).decode("ascii")
