"""The tool `take_message`: stores a caller's message, once for each run, and enqueues its delivery."""

from typing import Final

import msgspec

from control.media_requests.handlers import HandlerContext, MediaRequestHandler, RemoteTool
from control.messages.rules import (
    LONGEST_NAME,
    LONGEST_NUMBER,
    LONGEST_REASON,
    LONGEST_TEXT,
    MessageArguments,
    make_message,
)
from control.messages.service import store_message
from shared.errors import Invalid


async def _take(context: HandlerContext) -> str:
    """Store the message. Raises Invalid (arguments_invalid) and Conflict (message_limit)."""
    arguments = _parse(context.arguments)
    new = make_message(arguments, context.call, context.run_id, context.now)
    await context.in_transaction(lambda db: store_message(db, new))
    return "The message is stored, and is sent to the business when the call is over."


def _parse(text: str) -> MessageArguments:
    try:
        return msgspec.json.decode(text, type=MessageArguments, strict=False)  # Models also write true as a text.
    except msgspec.DecodeError as error:
        raise Invalid(f"The arguments are invalid: {error}.", code="arguments_invalid") from None


TAKE_MESSAGE: Final = RemoteTool(
    name="take_message",
    description="Store a message for the business, which gets it by e-mail. Call it once for each message, after the "
    "caller has confirmed what you read back.",
    parameters={
        "type": "object",
        "properties": {
            "message": {
                "type": "string",
                "maxLength": LONGEST_TEXT,
                "description": "The message in the caller's words, complete.",
            },
            "caller_name": {"type": "string", "maxLength": LONGEST_NAME, "description": "The caller's name."},
            "callback_number": {
                "type": "string",
                "maxLength": LONGEST_NUMBER,
                "description": "The number to call back, if it is not the one of this call.",
            },
            "reason": {"type": "string", "maxLength": LONGEST_REASON, "description": "What it is about, in few words."},
            "urgent": {"type": "boolean", "description": "Whether the caller said that it is urgent."},
        },
        "required": ["message"],
    },
    # Repeating a run stores only one row, so a run with an unknown result can be repeated.
    handler=MediaRequestHandler(_take, effect="repeatable"),
    timeout_s=10.0,
)
