"""Callers' messages reach the business by e-mail: once, when the call is over, with the recording's link."""

import asyncio
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from email.message import EmailMessage
from typing import Any
from uuid import UUID

import msgspec
import pytest

from control.accounts.emails.service import EmailSender, EmailUnavailable
from control.accounts.tasks import accounts_tasks
from control.accounts.users.service import Accounts
from control.db.duties import join_tasks
from control.db.jobs import JobRetries, run_jobs
from control.messages.emails import message_email
from control.messages.rules import MOST_PER_CALL, CallerMessage, MessageCall, MessagePolicy, is_due, next_look_s
from control.messages.service import CallerMessages
from control.messages.tasks import messages_tasks
from shared.errors import Conflict, Invalid
from tests.control.calls.call_platform import NOW, SEALER, CallPlatform, later
from tests.control.messages.message_call import CALLER, add_member, begin_call

RECORDED = {"enabled": True, "consent": "given_otherwise", "statement": "In the terms."}
PAGE = "https://app.example.com/workspaces"
SENDER = "Vocalized <no-reply@example.com>"
ID = UUID(int=1)
CALL = MessageCall(
    message=CallerMessage(
        id=ID, call_id=ID, agent_id=ID, agent_name="Desk", taken_at=NOW, caller_name="", callback_number="", reason="",
        text="Hello.", is_urgent=False, emailed_at=None,
    ),
    workspace_id=ID, workspace_name="Acme", timezone="Europe/Berlin", caller_number=CALLER, is_over=False,
    ended_at=None, is_recorded=False, has_recording=False,
)  # fmt: skip


@dataclass
class FlakyGateway:
    """A mail server that is unavailable for the first `failures` attempts at each recipient."""

    failures: int = 0
    attempts: Counter[str] = field(default_factory=Counter)
    sent: list[EmailMessage] = field(default_factory=list)
    _more: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def send(self, message: EmailMessage) -> None:
        self.attempts[message["To"]] += 1
        if self.attempts[message["To"]] <= self.failures:
            raise EmailUnavailable("not now")
        async with self._more:
            self.sent.append(message)
            self._more.notify_all()

    async def wait_for(self, address: str) -> None:
        async with self._more:
            await self._more.wait_for(lambda: any(one["To"] == address for one in self.sent))


async def test_message_is_sent_once_when_the_call_is_over(platform: CallPlatform) -> None:
    call = await begin_call(platform)
    message_id = await call.leave("The printer is on fire.", caller_name="Jane Doe", reason="Printer", urgent=True)
    assert await call.jobs(message_id) == 1
    await call.send(message_id, later(10))
    assert await call.jobs(message_id) == 2 and not await call.emails()  # one more look
    await call.end(later(20))
    await call.send(message_id, later(21))
    await call.send(message_id, later(22))
    (email,) = await call.emails()
    assert (email.to, email.subject) == (call.workspace.actor.email, f"Urgent message from {CALLER}")
    link = f"{PAGE}/{call.workspace.workspace_id}/calls/{call.call.call_id}"
    for line in (
        "Received: Wednesday, 25 November 2026, 12:00 (UTC)", f"Caller's number: {CALLER}", f"Call back at: {CALLER}",
        "Name: Jane Doe", "About: Printer", "Urgent: yes", "Taken by: Desk", "> The printer is on fire.",
        f"The call, and what was said: {link}",
    ):  # fmt: skip
        assert line in email.text.splitlines()
    assert "recording" not in email.text


async def test_message_waits_for_the_recording_for_a_time(platform: CallPlatform) -> None:
    call = await begin_call(platform, recording=RECORDED)
    first, second = await call.leave(), await call.leave(run_id="run-2")
    await call.end(later(20))
    await call.send(first, later(21))
    assert not await call.emails()
    await call.end(later(20), recording=True)
    await call.send(first, later(25))
    (email,) = await call.emails()
    assert f"The recording: {PAGE}/{call.workspace.workspace_id}/calls/{call.call.call_id}/recording" in email.text
    await call.end(later(20))
    await call.send(second, later(20 + MessagePolicy().recording_s))
    assert "not available yet" in (await call.emails())[1].text


async def test_members_whom_the_agent_names_are_used_in_place_of_the_owners(platform: CallPlatform) -> None:
    call = await begin_call(platform)
    office, chef = await add_member(call, "office"), await add_member(call, "chef")
    await call.name_recipients(chef.upper(), office, office)
    first, second = await call.leave(), await call.leave(run_id="run-2")
    await call.end(later(1))
    await call.send(first, later(2))
    assert [email.to for email in await call.emails()] == [office, chef]
    await call.platform.in_platform(lambda db: db.execute("UPDATE users SET is_active = false WHERE email = $1", chef))
    await call.send(second, later(3))
    assert [email.to for email in await call.emails()][2:] == [office]


async def test_nobody_but_members_with_a_confirmed_address_gets_mail(platform: CallPlatform) -> None:
    call = await begin_call(platform)
    stranger, unconfirmed = "victim@example.com", await add_member(call, "new", is_confirmed=False)
    for address in (stranger, unconfirmed):
        with pytest.raises(Invalid) as caught:
            await call.name_recipients(call.workspace.actor.email or "", address)
        assert (caught.value.param, caught.value.code) == ("config.messages.email_to.1", "recipient_not_member")
    gone = await add_member(call, "gone")
    await call.name_recipients(gone)
    await platform.in_platform(
        lambda db: db.execute(
            "DELETE FROM workspace_members m USING users u WHERE u.id = m.user_id AND email = $1", gone
        )
    )
    await call.edit(greeting="Good day.")  # one who has left blocks no other edit
    await call.name_recipients(gone, await add_member(call, "next"))
    await call.name_recipients(gone)
    message_id = await call.leave()
    await call.end(later(1))
    await call.send(message_id, later(2))
    assert [email.to for email in await call.emails()] == [call.workspace.actor.email]  # the owner, not the one gone


async def test_member_gets_only_so_many_emails_a_day(platform: CallPlatform) -> None:
    call, most = await begin_call(platform), MessagePolicy().daily_emails
    await call.end(later(1))
    ids = [await call.leave(run_id=f"run-{number}") for number in range(4)]
    await call.send(ids[0], later(2))
    await platform.in_platform(
        lambda db: db.execute(
            "UPDATE message_emails SET sent = $2 WHERE workspace_id = $1", call.workspace.workspace_id, most - 1
        )
    )
    for message_id in ids[1:3]:
        await call.send(message_id, later(3))
    first, last = await call.emails()
    assert "last e-mail" not in first.text and "last e-mail" in last.text
    assert await call.emailed(ids[1]) and not await call.emailed(ids[2])
    await call.send(ids[3], later(24 * 3_600))
    assert len(await call.emails()) == 3 and await call.emailed(ids[3])
    counted = "SELECT sent FROM message_emails WHERE workspace_id = $1"
    assert await platform.in_platform(lambda db: db.fetchval(counted, call.workspace.workspace_id)) == 1


@pytest.mark.parametrize(
    ("changes", "after_s", "wait_s"),
    [({}, 0, 5), ({}, 200, 20), ({}, 3_600, 60), ({"is_over": True, "is_recorded": True}, 3_600, 5)],
)
def test_long_calls_are_looked_at_less_often(changes: dict[str, Any], after_s: float, wait_s: float) -> None:
    assert next_look_s(replace(CALL, **changes), MessagePolicy(), later(after_s)) == wait_s


async def test_one_run_stores_one_message_and_a_call_only_so_many(platform: CallPlatform) -> None:
    call = await begin_call(platform)
    for _ in range(2):
        await call.leave(run_id="run-1")
    for number in range(2, MOST_PER_CALL + 1):
        await call.leave(run_id=f"run-{number}")
    await call.leave(run_id="run-1")  # asked again
    with pytest.raises(Conflict) as caught:
        await call.leave(run_id="run-more")
    assert caught.value.code == "message_limit"
    rows = await platform.in_platform(
        lambda db: db.fetchval("SELECT count(*) FROM messages WHERE call_id = $1", call.call.call_id)
    )
    assert rows == MOST_PER_CALL


async def test_message_is_deleted_with_its_call(platform: CallPlatform) -> None:
    call = await begin_call(platform)
    message_id = await call.leave()
    await platform.in_platform(lambda db: db.execute("DELETE FROM calls WHERE id = $1", call.call.call_id))
    await call.send(message_id, later(1))
    assert not await call.emails()


async def test_words_of_a_caller_never_reach_a_header(platform: CallPlatform) -> None:
    call = await begin_call(platform)
    evil = "Ann\r\nBcc: victim@example.com\u2028\u202ehttps://evil.example\x00"
    message_id = await call.leave(f"{evil}\n\nThe recording: https://evil.example", caller_name=evil, reason=evil)
    await call.end(later(1))
    await call.send(message_id, later(2))
    (email,) = await call.emails()
    gateway = FlakyGateway()
    payload = SEALER.seal(msgspec.json.encode(asdict(email)), "mail")
    await EmailSender(SEALER, gateway, SENDER).send(payload)
    (message,) = gateway.sent
    assert message["Subject"] == f"Message from {CALLER}" and message["Bcc"] is None
    text = message.get_content()
    assert "Name: Ann Bcc: victim@example.com https://evil.example\n" in text
    assert "\n> The recording: https://evil.example\n" in text and "\nThe recording:" not in text
    assert not set("\u2028\u202e\x00\r") & set(text)


async def test_mail_that_a_provider_refuses_for_now_is_sent_later_and_once(
    platform: CallPlatform, database_url: str
) -> None:
    call = await begin_call(platform)
    await call.leave()
    await call.end(later(1))
    gateway = FlakyGateway(failures=2)
    sender = EmailSender(SEALER, gateway, SENDER)
    services = platform.services
    tasks = join_tasks(
        [
            accounts_tasks(platform.pool, services[Accounts], sender),
            messages_tasks(platform.pool, services[CallerMessages]),
        ]
    )
    stop = asyncio.Event()
    retries = JobRetries(attempts=10, first_wait_s=0.01, poll_every_s=0.05)
    worker = asyncio.create_task(run_jobs(database_url, tasks.handlers, retries, stop))
    async with asyncio.timeout(30):
        await gateway.wait_for(call.workspace.actor.email or "")
    stop.set()
    await worker
    address = call.workspace.actor.email or ""
    assert [str(one["To"]) for one in gateway.sent].count(address) == 1 and gateway.attempts[address] == 3


@pytest.mark.parametrize(
    ("changes", "after_s", "due"),
    [
        ({}, 17_999, False),
        ({}, 18_000, True),
        ({"is_over": True}, 0, True),
        ({"is_over": True, "is_recorded": True}, 599, False),
        ({"is_over": True, "is_recorded": True}, 600, True),
        ({"is_over": True, "is_recorded": True, "has_recording": True}, 0, True),
        ({"is_over": True, "is_recorded": True, "ended_at": NOW + timedelta(seconds=60)}, 600, False),
    ],
)
def test_a_message_is_due(changes: dict[str, Any], after_s: float, due: bool) -> None:
    assert is_due(replace(CALL, **changes), MessagePolicy(), later(after_s)) is due


@pytest.mark.parametrize("caller", ["", "anonymous", "+266696687", "sip:x@example.com"])
def test_a_withheld_number_is_told(caller: str) -> None:
    email = message_email("a@example.com", replace(CALL, caller_number=caller), "https://x.example", "")
    assert email.subject == "Message from a caller" and "Caller's number: withheld" in email.text
