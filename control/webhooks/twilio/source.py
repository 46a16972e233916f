"""Twilio's webhooks, the steps of a call in one place.

An inbound call takes them in this order; one that we placed begins with status callbacks:

1. INBOUND: a call rings. `connect_call` stores the event and admits the call in one transaction, chooses a media node
   and answers `<Connect><Stream>`; or `<Say>` and `<Hangup>` for a call that is refused.
2. STATUS: ringing, in-progress … `receive_status` stores each with its effect, in whatever order they come.
3. CONTINUE, asked by `<Connect action>`: the media stream ended. `continue_call` hangs up after the conversation's end,
   dials after a transfer, and connects the call to another node (step 1's answer) when its node was lost.
4. CONTINUE, asked by `<Dial action>`: the transfer ended. `continue_call` hangs up, or connects the caller with the
   agent again, because nobody answered. TARGET: the target of a warm transfer is asked (`target_legs.py`).
   STREAM reports each stream's end besides: should CONTINUE not be asked, a job has Twilio ask it (`stream_check.py`).
5. STATUS: completed; RECORDING: a recording can be fetched.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from control.webhooks.queries import OpenEvent
from control.webhooks.service import SourceDefinition, WebhookParts
from control.webhooks.source import (
    CONTINUE,
    INBOUND,
    RECORDING,
    STATUS,
    STREAM,
    TARGET,
    TWILIO_ROUTES,
    BadSignature,
    WebhookOptions,
    WebhookRequest,
    WebhookSource,
)
from control.webhooks.twilio.calls import StatusCallbacks, TwilioCalls
from control.webhooks.twilio.form import TwilioForm, from_stored_payload, parse_form
from control.webhooks.twilio.target_legs import TwilioTargetLegs
from shared.errors import Malformed
from shared.twilio_signature import HMAC_SHA1, SETTINGS_HEADER, is_signed, parse_settings


class TwilioTokens:
    """The tokens of our account and its subaccounts, each of which signs its own requests, and the SharedKeys that sign
    in their place where a Webhook Rule says so."""

    def __init__(
        self,
        tokens: Sequence[tuple[str, str]],
        *,
        shared_keys: Sequence[tuple[str, str]] = (),
        required: bool = True,
    ) -> None:
        """shared_keys: (id, secret) pairs. required: whether a request without any signature is refused; a wrong one
        always is."""
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
        """url, fields, body: see shared/twilio_signature.py. account: the request's AccountSid; an empty one counts as
        the main account's. settings: value of SETTINGS_HEADER, which only SharedKeys bring. Raises BadSignature."""
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


SIGNATURE_HEADER: Final = "X-Twilio-Signature"


class TwilioReader:
    """A SourceReader."""

    name = "twilio"

    def __init__(self, options: WebhookOptions) -> None:
        self._base_url = options.url
        self._tokens = TwilioTokens(
            options.twilio_tokens,
            shared_keys=options.twilio_shared_keys,
            required=options.require_twilio_signature,
        )

    def claims(self, request: WebhookRequest) -> bool:
        """Every form is Twilio's: Telnyx sends JSON only."""
        return SIGNATURE_HEADER in request.headers or not request.is_json

    def verify(self, request: WebhookRequest, now: datetime) -> None:
        """The signed URL is our configured address, never the one that the request claims to be sent to."""
        url, signature = self._base_url + request.target, request.headers.get(SIGNATURE_HEADER)
        account = _first_values(request).get("AccountSid", "")
        settings = request.headers.get(SETTINGS_HEADER)
        if request.is_json:
            self._tokens.check(url, signature, account, body=request.body, settings=settings)
        else:
            self._tokens.check(url, signature, account, fields=request.fields, settings=settings)

    def parse(self, request: WebhookRequest, now: datetime) -> TwilioForm:
        """Raises Malformed without a CallSid."""
        form = parse_form(_first_values(request), request.query)
        if not form.call_sid:
            raise Malformed("CallSid is missing.", param="CallSid")
        return form


def _first_values(request: WebhookRequest) -> dict[str, str]:
    """Of a repeated field the first value counts."""
    return dict(reversed(request.fields))


def build(parts: WebhookParts) -> WebhookSource[TwilioForm]:
    """The source with its steps by address."""
    calls = TwilioCalls(parts)
    callbacks = StatusCallbacks(parts.inbox)
    return WebhookSource(
        reader=TwilioReader(parts.options),
        answers={
            INBOUND: calls.connect_call,
            STATUS: callbacks.receive_status,
            CONTINUE: calls.continue_call,
            RECORDING: callbacks.receive_recording,
            STREAM: callbacks.receive_stream,
            TARGET: TwilioTargetLegs(parts).receive,
        },
        retry=callbacks.retry,
        ordering_key=_call_sid,
    )


TWILIO: Final = SourceDefinition("twilio", TWILIO_ROUTES, build)


def _call_sid(open_event: OpenEvent) -> str:
    return from_stored_payload(open_event.event.payload).call_sid
