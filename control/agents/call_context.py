"""The tool `call_context`: what only control knows of a running call, for the language model."""

from datetime import datetime
from typing import Any, Final

import msgspec

from control.media_requests.handlers import HandlerContext, MediaRequestHandler, RemoteTool, RunningCall
from shared.local_time import to_local, zone_name


async def _answer(context: HandlerContext) -> str:
    """JSON as text, because the model reads it."""
    return msgspec.json.encode(describe_call(context.call, context.now)).decode()


def describe_call(call: RunningCall, now: datetime) -> dict[str, Any]:
    """Date and time are the workspace's, in words that a model needs no arithmetic for: weekday included."""
    local = to_local(now, call.timezone)
    return {
        "business": call.workspace_name,
        "date": f"{local:%Y-%m-%d}",
        "weekday": f"{local:%A}",
        "time": f"{local:%H:%M}",
        "time_zone": zone_name(local),
        "utc_offset": f"{local:%z}",
        "direction": call.direction,
        "caller_number": call.caller or None,
        "caller_withheld": call.direction == "inbound" and not call.caller,
        "called_number": call.called,
        "customer_number": (call.called if call.direction == "outbound" else call.caller) or None,
        "is_test_call": call.is_test,
    }


CALL_CONTEXT: Final = RemoteTool(
    name="call_context",
    description="Today's date, weekday and local time at the business, its name, the numbers of the call and the "
    "customer's number. Use it before you speak of dates or times, or need the customer's number.",
    parameters={"type": "object", "properties": {}},
    handler=MediaRequestHandler(_answer),
    timeout_s=5.0,
)
