"""Verification of webhooks by Standard Webhooks (https://www.standardwebhooks.com/). Needs the extra `webhooks`."""

from collections.abc import Mapping
from typing import Any

from .errors import VocalizedError
from .operation import read_json
from .values import decode


class WebhookInvalid(VocalizedError):
    """The signature is wrong, too old, missing, or none: do not use the body."""


def verify(body: bytes, headers: Mapping[str, str], secret: str) -> dict[str, Any]:
    """The body as JSON. body: the bytes as they came. headers: names in any case. Raises WebhookInvalid, AnswerInvalid
    for a body that is no JSON object, ImportError without the extra."""
    from standardwebhooks import Webhook, WebhookVerificationError

    webhook = Webhook(secret)
    try:
        webhook.verify(body, {name.lower(): value for name, value in headers.items()}, json_parse=False)
    except WebhookVerificationError as error:
        raise WebhookInvalid(str(error)) from error
    except ValueError as error:  # a signature that is no base64 or has no version, a body that is no UTF-8
        raise WebhookInvalid("The signature or the body cannot be read.") from error
    found: dict[str, Any] = decode(dict[str, Any], read_json(body))
    return found


def read_event(body: bytes, headers: Mapping[str, str], secret: str, kinds: Mapping[str, Any], other: Any) -> Any:
    """The event as the class of its type; as `other` if the type, or the version of its data, is newer. Raises as
    `verify`."""
    verify(body, headers, secret)
    event = read_json(body)
    kind = kinds.get(f"{event.get('type')} {event.get('api_version')}", other)
    return decode(kind, event)
