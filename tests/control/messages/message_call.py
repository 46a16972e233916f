"""A call in which messages are left, and the e-mails about them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from control.accounts.emails.service import EMAIL_JOB, Email
from control.accounts.users.service import Accounts
from control.agents.rules import AgentEdit
from control.agents.service import Agents
from control.calls.records.running_calls import AdmittedCall
from control.db.pool import Connection
from control.media_requests.handlers import RunningCall
from control.messages.rules import MessageArguments, make_message
from control.messages.service import SEND_MESSAGE, CallerMessages, SendMessageJob, store_message
from shared.ids import new_id
from tests.control.calls.call_platform import NOW, SEALER, CallPlatform, LiveWorkspace

CALLER = "+14155550100"


@dataclass(frozen=True, slots=True)
class MessageTaking:
    """A running call of a workspace's agent."""

    platform: CallPlatform
    workspace: LiveWorkspace
    call: AdmittedCall

    @property
    def running(self) -> RunningCall:
        """The call as a tool's handler gets it."""
        return RunningCall(
            id=self.call.call_id,
            workspace_id=self.workspace.workspace_id,
            agent_id=self.workspace.agent_id,
            direction="inbound",
            is_test=False,
            caller=CALLER,
            called=self.workspace.number,
            workspace_name="Acme",
            timezone="UTC",
        )

    async def leave(self, text: str = "Call me.", run_id: str = "run-1", **arguments: Any) -> UUID:
        """Leaves a message, as the tool does; returns its id."""
        new = make_message(MessageArguments(message=text, **arguments), self.running, run_id, NOW)
        await self.platform.in_workspace(self.workspace, lambda db: store_message(db, new))
        return new.id

    async def edit(self, **config: Any) -> None:
        """Changes the agent's config, as its owner."""
        workspace, edit = self.workspace, AgentEdit(config=config)
        await self.platform.in_workspace(
            workspace,
            lambda db: self.platform.services[Agents].update(
                db, workspace.workspace_id, workspace.actor, workspace.agent_id, edit, NOW
            ),
        )

    async def name_recipients(self, *addresses: str) -> None:
        """Has the agent's messages sent to these addresses."""
        await self.edit(messages={"email_to": list(addresses)})

    async def emailed(self, message_id: UUID) -> bool:
        """Whether e-mails about it were enqueued."""
        at = await self.platform.in_platform(
            lambda db: db.fetchval("SELECT emailed_at FROM messages WHERE id = $1", message_id)
        )
        return at is not None

    async def end(self, at: datetime, *, recording: bool = False) -> None:
        """The call is over. recording: it is in storage, too."""
        await self.platform.in_platform(
            lambda db: db.execute(
                "UPDATE calls SET status = 'completed', ended_at = $2, recording_key = $3 WHERE id = $1",
                self.call.call_id, at, "recordings/a.wav" if recording else None,
            )
        )  # fmt: skip

    async def send(self, message_id: UUID, at: datetime) -> None:
        """Runs the message's job, which the worker runs."""
        await self.platform.in_platform(lambda db: self.platform.services[CallerMessages].send(db, message_id, at))

    async def jobs(self, message_id: UUID) -> int:
        """How many jobs look at this message."""
        payloads = await self.platform.job_payloads(SEND_MESSAGE)
        return sum(msgspec.json.decode(payload, type=SendMessageJob).message_id == message_id for payload in payloads)

    async def emails(self) -> list[Email]:
        """The queued e-mails about messages of this workspace."""
        payloads = await self.platform.job_payloads(EMAIL_JOB)
        emails = [msgspec.json.decode(SEALER.open(payload, "mail"), type=Email) for payload in payloads]
        return [email for email in emails if str(self.workspace.workspace_id) in email.text]


async def add_member(call: MessageTaking, name: str, *, is_confirmed: bool = True) -> str:
    """Adds a member to the workspace; returns the address."""
    email, platform = f"{name}.{new_id()}@example.com", call.platform

    async def add(db: Connection) -> None:
        user = await platform.services[Accounts].create_user(
            db, email, name, "plum tractor 48 violin", is_confirmed, NOW
        )
        await db.execute(
            "INSERT INTO workspace_members (workspace_id, user_id, role) VALUES ($1, $2, 'viewer')",
            call.workspace.workspace_id, user.id,
        )  # fmt: skip

    await platform.in_platform(add)
    return email


async def begin_call(platform: CallPlatform, **config: Any) -> MessageTaking:
    """A call to an agent with this config."""
    workspace = await platform.create_workspace(**config)
    return MessageTaking(platform, workspace, await platform.admit(workspace))
