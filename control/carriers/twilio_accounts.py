"""Twilio's accounts whose calls we take: which client asks for which account's resources."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Final

import httpx

from control.carriers.twilio_forms import TwilioOptions
from control.carriers.twilio_transport import TwilioTransport, make_client

# Calls of subaccounts whose account is remembered.
_MOST_REMEMBERED: Final = 10_000


class TwilioAccounts:
    """main: client of the account that buys numbers and places calls. without_region: client for Twilio's APIs that
    have no regions (routing of numbers, prices), which take us1's token only."""

    def __init__(self, options: TwilioOptions, http: httpx.AsyncClient) -> None:
        transport = TwilioTransport(http, options.api_url)
        sid, us1_token = options.account_sid, options.us1_token
        self.main = make_client(sid, options.sign_in, transport)
        self.without_region = make_client(sid, (sid, us1_token), transport) if us1_token else self.main
        others = [(one, token) for one, token in options.subaccounts if one != sid]
        self._subaccounts = [make_client(one, (one, token), transport) for one, token in others]
        self._by_call: OrderedDict[str, Any] = OrderedDict()

    def find_candidates(self, call_sid: str) -> Sequence[Any]:
        """Return clients of the accounts that may have the call, the likeliest first."""
        known = self._by_call.get(call_sid)
        return [known] if known is not None else [self.main, *self._subaccounts]

    def remember(self, call_sid: str, client: Any) -> None:
        """Note which account has the call."""
        if client is not self.main:
            self._by_call[call_sid] = client
            while len(self._by_call) > _MOST_REMEMBERED:
                self._by_call.popitem(last=False)

    def find_by_url(self, url: str) -> Any:
        """Return the client of the account that a resource's URL names; the main one if it names none of ours."""
        return next((one for one in self._subaccounts if f"/{one.account_sid}/" in url), self.main)
