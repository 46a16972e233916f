"""Verifies Twilio's signature and parses the form (docs: usage/security)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from control.inbound_webhooks.source import BadSignature, WebhookOptions, WebhookRequest
from control.inbound_webhooks.twilio.wire import TwilioForm, parse_form
from shared.errors import Malformed
from shared.twilio_signature import HMAC_SHA1, SETTINGS_HEADER, is_signed, parse_settings

SIGNATURE_HEADER: Final = "X-Twilio-Signature"


class TwilioTokens:
    """The tokens of our account and its subaccounts, and SharedKeys.

    Each account signs its own requests. SharedKeys sign instead if a Webhook Rule says so.
    """

    def __init__(
        self,
        tokens: Sequence[tuple[str, str]],
        *,
        shared_keys: Sequence[tuple[str, str]] = (),
        required: bool = True,
    ) -> None:
        """Create the collection of tokens and keys.

        Args:
            tokens: (account, token) pairs.
            shared_keys: (id, secret) pairs.
            required: Whether a request without any signature is refused. A wrong signature is always refused.
        """
        self._required = required
        self._shared_keys = dict(shared_keys)
        self._main_account = tokens[0][0] if tokens else ""
        self._tokens: dict[str, list[str]] = {}
        for account, token in tokens:
            self._tokens.setdefault(account, []).append(token)

    def check(
        self,
        url: str,
        signature: str | None,
        account: str,
        *,
        fields: Sequence[tuple[str, str]] = (),
        body: bytes | None = None,
        settings: str | None = None,
    ) -> None:
        """Verify a signature. Raises BadSignature.

        Args:
            url: See shared/twilio_signature.py.
            signature: The signature header. None if it is missing.
            account: The request's AccountSid. An empty value counts as the main account.
            fields: See shared/twilio_signature.py.
            body: See shared/twilio_signature.py.
            settings: Value of SETTINGS_HEADER, which only requests signed with SharedKeys have.
        """
        if signature is None:
            if self._required:
                raise BadSignature("missing")
            return
        if settings:
            secrets, algorithm = self._find_shared_key(settings)
        else:
            secrets, algorithm = self._find_tokens(account), HMAC_SHA1
        if not is_signed(secrets, url, signature, fields=fields, body=body, algorithm=algorithm):
            raise BadSignature("wrong")

    def _find_tokens(self, account: str) -> Sequence[str]:
        if not self._tokens:
            raise BadSignature("no_key")
        tokens = self._tokens.get(account or self._main_account)
        if tokens is None:
            raise BadSignature("unknown_account")
        return tokens

    def _find_shared_key(self, header: str) -> tuple[Sequence[str], str]:
        settings = parse_settings(header)
        secret = self._shared_keys.get(settings.key_id)
        if secret is None:
            raise BadSignature("unknown_shared_key")
        return [secret], settings.algorithm


class TwilioReader:
    """Reads requests of Twilio. Implements SourceReader."""

    name = "twilio"

    def __init__(self, options: WebhookOptions) -> None:
        self._base_url = options.url
        self._tokens = TwilioTokens(
            options.twilio_tokens,
            shared_keys=options.twilio_shared_keys,
            required=options.require_twilio_signature,
        )

    def claims(self, request: WebhookRequest) -> bool:
        """Return whether the request has Twilio's signature or a form body. Telnyx sends only JSON."""
        return SIGNATURE_HEADER in request.headers or not request.is_json

    def verify(self, request: WebhookRequest, now: datetime) -> None:
        """Verify the signature. The signed URL is our configured address, not the address in the request."""
        url, signature = self._base_url + request.target, request.headers.get(SIGNATURE_HEADER)
        account = _first_values(request).get("AccountSid", "")
        settings = request.headers.get(SETTINGS_HEADER)
        if request.is_json:
            self._tokens.check(url, signature, account, body=request.body, settings=settings)
        else:
            self._tokens.check(url, signature, account, fields=request.fields, settings=settings)

    def parse(self, request: WebhookRequest, now: datetime) -> TwilioForm:
        """Parse the form. Raises Malformed without a CallSid."""
        form = parse_form(_first_values(request), request.query)
        if not form.call_sid:
            raise Malformed("CallSid is missing.", param="CallSid")
        return form


def _first_values(request: WebhookRequest) -> dict[str, str]:
    """Return the fields of the request. If a field is repeated, its first value is used."""
    return dict(reversed(request.fields))
