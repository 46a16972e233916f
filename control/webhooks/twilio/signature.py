"""Verifies X-Twilio-Signature with the token of the account that sends (docs: usage/webhooks/webhooks-security)."""

from collections.abc import Sequence

from control.webhooks.inbox.source import BadSignature
from shared.twilio_signature import is_signed


class TwilioTokens:
    """The tokens of our account and its subaccounts, each of which signs its own requests."""

    def __init__(self, tokens: Sequence[tuple[str, str]], *, required: bool = True) -> None:
        """required: whether a request without any signature is refused; a wrong one always is."""
        self._required = required
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
    ) -> None:
        """url, fields, body: see shared/twilio_signature.py. account: the request's AccountSid; an empty one counts as
        the main account's. Raises BadSignature."""
        if signature is None:
            if self._required:
                raise BadSignature("missing")
            return
        if not self._tokens:
            raise BadSignature("no_key")
        tokens = self._tokens.get(account or self._main_account)
        if tokens is None:
            raise BadSignature("unknown_account")
        if not is_signed(tokens, url, signature, fields=fields, body=body):
            raise BadSignature("wrong")
