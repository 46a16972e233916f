"""Verification of webhooks by Standard Webhooks (https://www.standardwebhooks.com/). Needs the extra `webhooks`."""

from collections.abc import Mapping
from typing import Any

from .errors import VocalizedError
from .operation import read_json
from .values import decode


class WebhookInvalid(VocalizedError):
    """The signature is wrong, too old, or missing: do not use the body."""


def verify(body: bytes, headers: Mapping[str, str], secret: str) -> dict[str, Any]:
    """The body as JSON. body: the bytes as they came. headers: names in any case. Raises WebhookInvalid, AnswerInvalid
    for a body that is no JSON object, ImportError without the extra."""
    from standardwebhooks import Webhook, WebhookVerificationError

    try:
        Webhook(secret).verify(body, {name.lower(): value for name, value in headers.items()})
    except WebhookVerificationError as error:
        raise WebhookInvalid(str(error)) from error
    found: dict[str, Any] = decode(dict[str, Any], read_json(body))
    return found


def read_event(body: bytes, headers: Mapping[str, str], secret: str, kinds: Mapping[str, Any], other: Any) -> Any:
    """The event as the class of its type; as `other` if the type, or the version of its data, is newer. Raises as
    `verify`."""
    verify(body, headers, secret)
    event = read_json(body)
    kind = kinds.get(f"{event.get('type')} {event.get('api_version')}", other)
    return decode(kind, event)
