"""The tool `take_message`: stores what a caller wants to be passed on, once for each run, and has it sent."""

import re
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from control.carriers.phone import is_valid
from control.db.jobs import enqueue
from control.db.pool import Connection
from control.media_requests.handler import HandlerContext, MediaRequestHandler, RunningCall
from control.media_requests.tool import RemoteTool
from control.messages import store
from control.messages.store import NewMessage
from control.outbound_webhooks.event_types import MessageEventData
from control.outbound_webhooks.outbox import ReportedFact, report_facts
from control.redaction.finder import redact_text
from control.workspaces.redaction import find_redaction
from shared.errors import Conflict, Invalid
from shared.ids import new_id

SEND_MESSAGE: Final = "messages.send"
MOST_PER_CALL: Final = 10
LONGEST_TEXT: Final = 4_000
LONGEST_NAME: Final = 200
LONGEST_NUMBER: Final = 60
LONGEST_REASON: Final = 300
# Control characters but line breaks: nothing that a caller says may format, or end, a line of an e-mail's header.
_CONTROL: Final = re.compile(r"[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


class SendMessageJob(Struct, frozen=True):
    """Payload of the job that sends a message."""

    message_id: UUID


class MessageArguments(Struct, frozen=True):
    """What the model passes; null counts as left out."""

    message: Annotated[str, Meta(min_length=1, max_length=LONGEST_TEXT)]
    caller_name: Annotated[str, Meta(max_length=LONGEST_NAME)] | None = None
    callback_number: Annotated[str, Meta(max_length=LONGEST_NUMBER)] | None = None
    reason: Annotated[str, Meta(max_length=LONGEST_REASON)] | None = None
    urgent: bool | None = None


async def _take(context: HandlerContext) -> str:
    """Raises Invalid (arguments_invalid), Conflict (message_limit)."""
    arguments = _parse(context.arguments)
    new = make_message(arguments, context.call, context.run_id, context.now)
    await context.in_transaction(lambda db: store_message(db, new))
    return "The message is stored, and is sent to the business when the call is over."


def make_message(arguments: MessageArguments, call: RunningCall, run_id: str, now: datetime) -> NewMessage:
    """The message to store: plain text without control characters; the names on one line. Raises Invalid."""
    text = "\n".join(filter(None, (_one_line(line) for line in arguments.message.splitlines())))
    if not text:
        raise Invalid("message: there is nothing in it.", code="arguments_invalid", param="message")
    known = call.called if call.direction == "outbound" else call.caller
    return NewMessage(
        id=UUID(new_id()),
        workspace_id=call.workspace_id,
        call_id=call.id,
        run_id=run_id,
        agent_id=call.agent_id,
        taken_at=now,
        caller_name=_one_line(arguments.caller_name or ""),
        callback_number=_one_line(arguments.callback_number or "") or (known if is_valid(known) else ""),
        reason=_one_line(arguments.reason or ""),
        text=text,
        is_urgent=bool(arguments.urgent),
    )


async def store_message(db: Connection, new: NewMessage) -> None:
    """Stores it and has it sent, in one transaction; nothing when this run stored it before. Raises Conflict
    (message_limit) for more than MOST_PER_CALL in one call."""
    if await store.count_of_call(db, new.workspace_id, new.call_id, but=new.run_id) >= MOST_PER_CALL:
        raise Conflict(f"A call takes {MOST_PER_CALL} messages at most.", code="message_limit")
    kept = await _redact(db, new)
    if await store.insert_message(db, kept):
        await report_facts(db, [_make_fact(kept)])
        await enqueue(db, SEND_MESSAGE, msgspec.json.encode(SendMessageJob(new.id)))


def _make_fact(new: NewMessage) -> ReportedFact:
    data = MessageEventData(
        message_id=new.id,
        call_id=new.call_id,
        agent_id=new.agent_id,
        taken_at=new.taken_at,
        caller_name=new.caller_name,
        callback_number=new.callback_number,
        reason=new.reason,
        text=new.text,
        is_urgent=new.is_urgent,
    )
    return ReportedFact(new.workspace_id, "message.taken", new.id, new.taken_at, data, call_id=new.call_id)


async def _redact(db: Connection, new: NewMessage) -> NewMessage:
    """The message without what its workspace does not keep; the e-mail is made of it."""
    kinds = (await find_redaction(db, [new.workspace_id])).get(new.workspace_id, ())
    texts = (new.caller_name, new.callback_number, new.reason, new.text)
    name, number, reason, text = (redact_text(one, kinds) for one in texts)
    return replace(new, caller_name=name, callback_number=number, reason=reason, text=text)


def _parse(text: str) -> MessageArguments:
    try:
        return msgspec.json.decode(text, type=MessageArguments, strict=False)  # models write true as a text, too
    except msgspec.DecodeError as error:
        raise Invalid(f"The arguments are invalid: {error}.", code="arguments_invalid") from None


def _one_line(text: str) -> str:
    return " ".join(_CONTROL.sub(" ", text).split())


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
    # The same run stores one row, so it may be run again when it is unknown whether it was.
    handler=MediaRequestHandler(_take, effect="repeatable"),
    timeout_s=10.0,
)
