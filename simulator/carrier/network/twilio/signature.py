"""X-Twilio-Signature (docs: usage/webhooks/webhooks-security)."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterable
from typing import Any

from simulator.carrier.network.twilio.model import TwilioConfig


def sign(
    auth_token: str, url: str, fields: Iterable[tuple[str, str]] = (), algorithm: Callable[[], Any] = hashlib.sha1
) -> str:
    """Return base64(HMAC-SHA1(token, URL + name + value of each field, sorted by name)), or use another algorithm.

    Args:
        url: The configured URL with port and query, without fragment.
        fields: Fields of a form POST, including blank ones. Equal values of a repeated name count once.
    """
    signed = url + "".join(name + value for name, value in sorted(set(fields)))
    digest = hmac.new(auth_token.encode("utf-8"), signed.encode("utf-8"), algorithm).digest()
    return base64.b64encode(digest).decode("ascii")


def signature_headers(config: TwilioConfig, url: str, fields: Iterable[tuple[str, str]] = ()) -> dict[str, str]:
    """Return the headers of a webhook.

    They are signed with the account's token, or with the SharedKey of a Webhook Rule. In the latter case, a second
    header names the key (docs: usage/webhooks/webhook-shared-keys).
    """
    if config.shared_key is None:
        return {"X-Twilio-Signature": sign(config.auth_token, url, fields)}
    key, secret = config.shared_key
    return {
        "X-Twilio-Signature": sign(secret, url, fields, hashlib.sha256),
        "X-Twilio-Webhooks-Signature-Settings": f"key={key},algorithm=HMAC_SHA256",
    }
