"""The e-mail about a caller's message.

Only the body contains the caller's words, quoted line by line, so that they cannot look like a line of ours.
"""

from typing import Final

from control.accounts.emails.service import Email
from control.carriers.rules import is_valid
from control.http.names import letter_name
from control.messages.rules import MessageCall
from shared.local_time import find_zone

WITHHELD: Final = "withheld"
_LAST: Final = (
    "\n\nThis is today's last e-mail about a message, because you have reached the daily limit. Until midnight (UTC), "
    "new messages appear only in the workspace's list of messages."
)


def message_email(to: str, call: MessageCall, call_link: str, recording_link: str, *, is_last: bool = False) -> Email:
    """Return the e-mail about a caller's message. Its links require a sign-in.

    Args:
        recording_link: Empty if there is no recording.
        is_last: Whether this is the recipient's last e-mail about a message today.
    """
    message = call.message
    number = call.caller_number if is_valid(call.caller_number) else WITHHELD
    kind = "Urgent message" if message.is_urgent else "Message"
    source = "a caller" if number == WITHHELD else number
    facts = (
        ("Received", _format_time(call)),
        ("Caller's number", number),
        ("Call back at", message.callback_number),
        ("Name", message.caller_name),
        ("About", message.reason),
        ("Urgent", "yes" if message.is_urgent else ""),
        ("Taken by", message.agent_name or ""),
    )
    return Email(
        to,
        f"{kind} from {source}",
        f"""A caller left a message for {letter_name(call.workspace_name)}.

{_lines(facts)}

{_quote(message.text)}

The call, and what was said: {call_link}
{_describe_recording(call, recording_link)}{_LAST if is_last else ""}
""",
    )


def _format_time(call: MessageCall) -> str:
    zone = find_zone(call.timezone)
    local = call.message.taken_at.astimezone(zone)
    return f"{local:%A}, {local.day} {local:%B %Y, %H:%M} ({zone.key})"


def _lines(facts: tuple[tuple[str, str], ...]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in facts if value)


def _quote(text: str) -> str:
    return "\n".join(f"> {line}" for line in text.splitlines())


def _describe_recording(call: MessageCall, link: str) -> str:
    if link:
        return f"The recording: {link}\nBoth links require you to sign in."
    late = " The recording is not available yet." if call.is_recorded else ""
    return f"The link requires you to sign in.{late}"
