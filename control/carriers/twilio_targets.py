"""Calls to targets of warm transfers at Twilio (docs: voice/api/call-resource)."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from control.carriers.model import TargetCallRequest
from control.carriers.twilio_forms import RETRY_FRAGMENT, TwilioOptions, required_text

T = TypeVar("T")
TARGET: Final = "/webhooks/calls/target"


class TwilioTargets:
    """TargetCalls. What the target hears, and the conference, are instructions that Twilio asks for."""

    def __init__(self, sdk: Any, send: Callable[..., Awaitable[Any]], options: TwilioOptions) -> None:
        self._sdk, self._send, self._options = sdk, send, options

    async def call(self, request: TargetCallRequest) -> str:
        """Calls the target. Not repeated when it may have been called."""
        form = target_form(self._options, request)
        row = await self._send(lambda: self._sdk.calls.create_async(**form), repeatable=False)
        return required_text(row.sid)


def target_form(options: TwilioOptions, request: TargetCallRequest) -> dict[str, object]:
    """The form of Calls.create, with the addresses of the transfer."""
    address = f"{options.webhook_url}{TARGET}?transfer={request.transfer_id}"
    return {
        "to": request.called,
        "from_": request.caller,
        "url": f"{address}&step=answered",
        "method": "POST",
        "status_callback": f"{address}&step=ended{RETRY_FRAGMENT}",
        "status_callback_method": "POST",
        "status_callback_event": ["completed"],
        "timeout": request.ring_timeout_s,
        "time_limit": request.max_duration_s,
    }
