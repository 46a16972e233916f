"""A workspace that holds a caller's data everywhere: calls of all kinds, recordings, messages, webhooks, and so on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

import msgspec

from control.calls.blocked_callers.service import BlockedCallers
from control.calls.recordings.service import DELETE_RECORDINGS
from control.calls.recordings.tasks import make_delete_recordings_job
from control.carriers.service import Carriers
from control.db.jobs import JobHandler
from control.db.pool import Connection
from control.do_not_call.rules import NewListing
from control.do_not_call.service import DoNotCallList
from control.idempotency.rules import StoredResponse
from control.idempotency.service import IdempotentRequest, request_hash
from control.inbound_webhooks.queries import StoredEvent, store_once
from control.inbound_webhooks.tasks import clear_caller_payloads
from control.knowledge.rules import NewDocument
from control.knowledge.service import KnowledgeDocuments, put_file
from control.platform.service import Platform
from control.privacy.service import Privacy
from control.privacy.tasks import privacy_tasks
from shared.bus.checkpoints import Checkpoints
from shared.events import AgentSaid, CallEnded, CallerSaid, CallStarted, CallUsage, Event, ToolRan
from shared.ids import new_id
from shared.recording_keys import recordings_prefix
from tests.control.calls.call_platform import SEALER, CallPlatform, LiveWorkspace, make_checkpoint

# What only the caller said, in each place in words of its own.
SPOKEN: Final = "zebrafish"
NOTE: Final = "quillwort"


@dataclass(frozen=True, slots=True)
class FilledWorkspace:
    """A workspace with data of callers."""

    platform: CallPlatform
    workspace: LiveWorkspace

    @property
    def id(self) -> UUID:
        return self.workspace.workspace_id

    async def insert_call(self, number: str, *events: Event, at: datetime, word: str = SPOKEN, **columns: Any) -> UUID:
        """A completed inbound call of the number, whose caller likes `word`, unless columns say otherwise."""
        call_id = UUID(new_id())
        row = {
            "id": call_id, "workspace_id": self.id, "agent_id": self.workspace.agent_id, "agent_version": 1,
            "phone_number_id": self.workspace.number_id, "direction": "inbound", "carrier": "twilio",
            "carrier_call_id": f"CA{call_id.hex}", "caller_number": number, "called_number": self.workspace.number,
            "status": "completed", "created_at": at, "ended_at": at, "transcription": f"I like {word}.",
            "summary": f"About {word}.", "sentiment": "positive", "sentiment_score": 0.5, "success": True,
            "analysis_status": "done",
            "analysis": {"success_reason": f"Got {word}.", "extracted": {"taste": word}},
        } | columns  # fmt: skip
        said = (AgentSaid(0, "Hello.", 0, 900), CallerSaid(1, f"I like {word}.", 1_000, 2_000))

        async def insert(db: Connection) -> None:
            places = ", ".join(f"${place}" for place in range(1, len(row) + 1))
            await db.execute(f"INSERT INTO calls ({', '.join(row)}) VALUES ({places})", *row.values())
            words = [{"speaker": "caller", "text": f"I like {word}.", "start_ms": 1, "end_ms": 2}]
            await db.execute("INSERT INTO call_words VALUES ($1, $2, $3)", call_id, self.id, words)
            for seq, event in enumerate((*said, *events), 1):
                data = msgspec.to_builtins(event)
                await db.execute(
                    "INSERT INTO call_events VALUES ($1, $2, $3, $4, $5, $6)",
                    call_id, seq, self.id, at, data["type"], data,
                )  # fmt: skip

            await db.execute(
                "INSERT INTO test_cases (id, workspace_id, agent_id, source_call_id, name, script, created_at,"
                " updated_at) VALUES ($1, $2, $3, $4, 'Case', $5, $6, $6)",
                UUID(new_id()), self.id, row["agent_id"], call_id, {"turns": [{"text": f"I like {word}."}]}, at,
            )  # fmt: skip

        await self.platform.in_platform(insert)
        return call_id

    async def record(self, call_id: UUID) -> str:
        """A recording by media and one by the carrier; returns the key of the first."""
        key, copy = (f"{recordings_prefix(self.id)}{call_id}{name}" for name in ("-0.wav", "-carrier.wav"))
        for one in (key, copy):
            await self.platform.storage.put(one, f"RIFF {SPOKEN}".encode())
        details = {
            "recordings": [{"key": key, "leg": 0, "duration_ms": 1_000}],
            "carrier_recordings": {
                "RE1": {"id": f"RE{call_id.hex}", "url": "", "duration_s": 1, "leg": "", "place": 0, "key": copy}
            },
        }
        await self.platform.in_platform(
            lambda db: db.execute(
                "UPDATE calls SET recording_key = $2, recording_seconds = 1, details = details || $3 WHERE id = $1",
                call_id, key, details,
            )
        )  # fmt: skip
        return key

    async def add_document(self, text: str) -> UUID:
        """A document that agents search, with its file."""
        workspace, new = self.workspace, NewDocument("Prices", "en", text.encode())
        document = await self.platform.in_workspace(
            workspace,
            lambda db: self.platform.services[KnowledgeDocuments].add(
                db, workspace.actor, self.id, new, datetime.now(UTC)
            ),
        )
        await put_file(self.platform.storage, document, new.data)
        return document.id

    async def leave_message(self, call_id: UUID, callback: str, at: datetime) -> None:
        """A message of the call's caller, and the run of the tool that took it."""

        async def insert(db: Connection) -> None:
            await db.execute(
                "INSERT INTO messages (id, workspace_id, call_id, run_id, agent_id, taken_at, caller_name,"
                " callback_number, reason, text, is_urgent) VALUES ($1, $2, $3, 'r', $4, $5, 'Zoe', $6, '', $7, false)",
                UUID(new_id()), self.id, call_id, self.workspace.agent_id, at, callback, f"Call me, {NOTE}.",
            )  # fmt: skip
            await db.execute(
                "INSERT INTO tool_runs (call_id, run_id, workspace_id, name, lease_until, outcome) "
                "VALUES ($1, 'r', $2, 'take_message', now(), $3)",
                call_id, self.id, NOTE.encode(),
            )  # fmt: skip
            await self._insert_webhook(db, call_id, callback)

        await self.platform.in_platform(insert)

    async def _insert_webhook(self, db: Connection, call_id: UUID, callback: str) -> None:
        """The event of a message, not delivered yet, whose receiver sent back what it was sent."""
        event, data = UUID(new_id()), {"callback_number": callback, "text": f"Call me, {NOTE}."}
        await db.execute(
            "INSERT INTO outbound_webhook_events (id, workspace_id, type, api_version, object_id, call_id, occurred_at,"
            " sequence, data, created_at) VALUES ($1, $2, 'message.taken', '1', $1, $3, now(), 1, $4, now())",
            event, self.id, call_id, data,
        )  # fmt: skip
        await db.execute(
            "INSERT INTO outbound_webhook_deliveries (id, workspace_id, endpoint_id, event_id, status, attempts,"
            " failures, due_at, expires_at, created_at)"
            " VALUES ($1, $2, $1, $1, 'pending', 1, 1, now(), now() + interval '1 day', now())",
            event, self.id,
        )  # fmt: skip
        await db.execute(
            "INSERT INTO outbound_webhook_attempts (delivery_id, number, workspace_id, started_at, took_ms,"
            " status_code, error, answer) VALUES ($1, 1, $2, now(), 1, 500, 'the status was 500', $3)",
            event, self.id, f"refused: {NOTE}",
        )  # fmt: skip

    async def fill(self, number: str, at: datetime) -> list[UUID]:
        """All that a caller with this number leaves; returns the calls."""
        started = CallStarted("twilio", "CA1", "MZ1", "Desk", number, self.workspace.number)
        first = await self.insert_call(number, started, ToolRan(1, "look_up", True, NOTE, 5), at=at)
        await self.record(first)
        await self.leave_message(first, number, at)
        second = await self.insert_call(
            self.workspace.number, at=at + timedelta(seconds=1), direction="outbound", called_number=number,
            variables={"name": NOTE}, metadata={"customer": NOTE},
        )  # fmt: skip
        # Who withholds the number may leave it in words.
        spoken = f"{number[:4]} ({number[4:7]}) {number[7:]}"
        third = await self.insert_call("anonymous", at=at + timedelta(seconds=2))
        await self.leave_message(third, spoken, at)
        ended = CallEnded("completed", "transferred", "", 1_000, CallUsage(), number)
        await self.insert_call(
            "+4930555001", ended, at=at + timedelta(seconds=3), end_reason="transferred", word="talking",
            details={"put_through": {"talked_s": 1, "number": number}},
        )  # fmt: skip
        await self._fill_elsewhere(number, first, at)
        return [first, second, third]

    async def _fill_elsewhere(self, number: str, call_id: UUID, at: datetime) -> None:
        form = {"CallSid": f"CA{call_id.hex}", "From": number, "To": self.workspace.number}

        async def insert(db: Connection) -> None:
            blocked = self.platform.services[BlockedCallers]
            await blocked.block(db, self.id, self.workspace.actor, number, NOTE, at)
            rows = [NewListing(1, number, NOTE)]
            await self.platform.services[DoNotCallList].add(db, self.id, self.workspace.actor, rows, "member", at)
            await self._insert_recipient(db, number, call_id, at)
            await db.execute(
                "INSERT INTO phone_codes (id, workspace_id, user_id, phone_number, call_id, language, code, created_at,"
                " expires_at) VALUES ($1, $2, $3, $4, $5, 'en', 'x', $6, $6)",
                UUID(new_id()), self.id, self.workspace.actor.id, number, call_id, at,
            )  # fmt: skip
            await self._insert_contact(db, number, call_id, at)
            await store_once(db, StoredEvent("twilio", f"in:{call_id}", "status", form), at, handled=True)
            request = IdempotentRequest("user blocked", str(call_id), request_hash("/blocked", b"{}"))
            await request.store(db, new_id(), StoredResponse(201, f'{{"caller": "{number}"}}'.encode()))

        await self.platform.in_platform(insert)
        await Checkpoints(self.platform.redis, SEALER).put(make_checkpoint(call_id))

    async def _insert_recipient(self, db: Connection, number: str, call_id: UUID, at: datetime) -> None:
        await db.execute(
            "INSERT INTO campaigns (id, workspace_id, name, agent_id, number_ids, status, retries, calls_per_minute,"
            " most_open_calls, leaves_messages, next_dispatch_at, created_at, updated_at)"
            " VALUES ($1, $2, 'Recall', $3, '{}', 'draft', '{}', 1, 1, false, $4, $4, $4)",
            call_id, self.id, self.workspace.agent_id, at,
        )  # fmt: skip
        await db.execute(
            "INSERT INTO campaign_recipients (id, workspace_id, campaign_id, phone_number, variables, reference,"
            " status, attempts, next_attempt_at, created_at) VALUES ($1, $2, $1, $3, '{}', $4, 'finished', 1, $5, $5)",
            call_id, self.id, number, NOTE, at,
        )  # fmt: skip
        await db.execute(
            "INSERT INTO campaign_attempts (call_id, workspace_id, campaign_id, recipient_id, phone_number, started_at,"
            " finished_at) VALUES ($1, $2, $1, $1, $3, $4, $4)",
            call_id, self.id, number, at,
        )  # fmt: skip

    async def _insert_contact(self, db: Connection, number: str, call_id: UUID, at: datetime) -> None:
        """A contact, and an appointment that was booked in the call."""
        integration_id = UUID(new_id())
        await db.execute(
            "INSERT INTO integrations (id, workspace_id, integration_type, name, status) "
            "VALUES ($1, $2, 'google_calendar', 'C', 'error')",
            integration_id, self.id,
        )  # fmt: skip
        await db.execute(
            "INSERT INTO contacts (id, workspace_id, integration_id, external_id, mobile_phone, seen_by) "
            "VALUES ($1, $2, $1, 'x', $3, $1)",
            integration_id, self.id, number,
        )  # fmt: skip
        await db.execute(
            "INSERT INTO appointments (id, workspace_id, integration_id, status, title, starts_at, ends_at, phone, "
            "call_id, run_id) VALUES ($1, $2, $1, 'booked', $3, $4, $5, $6, $7, 'run-1')",
            integration_id, self.id, SPOKEN, at, at + timedelta(hours=1), number, call_id,
        )  # fmt: skip


async def make_filled_workspace(platform: CallPlatform) -> FilledWorkspace:
    """A workspace without calls."""
    return FilledWorkspace(platform, await platform.create_workspace())


def make_handlers(platform: CallPlatform) -> Mapping[str, JobHandler]:
    """The jobs of the privacy room, and the one that deletes recordings."""
    services = platform.services
    tasks = privacy_tasks(
        platform.pool,
        platform=services[Platform],
        deletions=services[Privacy].deletions,
        media_assignment=platform.media_assignment,
        storage=platform.storage,
        clear_payloads=clear_caller_payloads,
    )
    deletion = make_delete_recordings_job(platform.pool, services[Carriers], platform.storage)
    return {**tasks.handlers, DELETE_RECORDINGS: deletion}


async def run_queued(platform: CallPlatform, *, only: str | None = None) -> list[str]:
    """Runs each job that is in the queue now, whenever it is due, and removes it; returns their names."""
    handlers = make_handlers(platform)
    names = [only] if only else list(handlers)
    take = "SELECT id, entrypoint, payload FROM pgqueuer WHERE entrypoint = ANY($1) ORDER BY id"
    jobs = await platform.in_platform(lambda db: db.fetch(take, names))
    for job in jobs:
        await handlers[job["entrypoint"]](job["payload"])
        await platform.in_platform(partial(_remove, job_id=job["id"]))
    return [job["entrypoint"] for job in jobs]


async def _remove(db: Connection, job_id: int) -> None:
    await db.execute("DELETE FROM pgqueuer WHERE id = $1", job_id)


async def run_all(platform: CallPlatform, *, rounds: int = 6) -> None:
    """Runs jobs, and those that they enqueue, until none is left."""
    for _ in range(rounds):
        if not await run_queued(platform):
            return
    raise AssertionError(f"there are jobs after {rounds} rounds")
