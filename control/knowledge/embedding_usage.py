"""What an embedder used, in the ledger. Under the kind of language models, as the analysis of calls: a kind of its own
would fall out of each sum over providers."""

from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import msgspec
from msgspec import Struct

from control.analytics.rollup import WorkspaceDay, mark_days
from control.billing.charges import record_usage
from control.billing.ledger import UsageEvent
from control.db.jobs import JobFailed, JobHandler, enqueue
from control.db.pool import Connection, Pool
from control.db.scope import enter_platform
from shared.events import UsageRecorded

RECORD_QUESTION: Final = "knowledge.record_question"
PURPOSE: Final = "embedding"
# The provider in the ledger and in price lists: there is one embedder.
PROVIDER: Final = "embedder"


class EmbeddingUse(Struct, frozen=True):
    """Tokens of one request. call_id, agent_id: of a question in a call. Payload of the job for questions, because a
    call's requests work in the scope of their workspace, and the ledger needs the platform's."""

    workspace_id: UUID
    model: str
    tokens: int
    is_estimated: bool
    at: datetime
    call_id: UUID | None = None
    agent_id: UUID | None = None


async def enqueue_use(db: Connection, use: EmbeddingUse) -> None:
    """Has the worker record what a question used."""
    await enqueue(db, RECORD_QUESTION, msgspec.json.encode(use))


async def record_use(db: Connection, use: EmbeddingUse) -> None:
    """Adds it to the ledger. Needs platform scope."""
    if not use.tokens:
        return
    usage = UsageRecorded(
        resource_type="llm",
        provider=PROVIDER,
        vendor="openai",
        model=use.model,
        quantity=use.tokens,
        unit="prompt_tokens",
        estimated=use.is_estimated,
    )
    await record_usage(db, [UsageEvent(use.call_id, use.workspace_id, use.agent_id, None, use.at, usage, PURPOSE)])
    await mark_days(db, [WorkspaceDay(use.workspace_id, use.at.astimezone(UTC).date())])


def make_record_question_job(pool: Pool) -> JobHandler:
    """Job `knowledge.record_question`."""

    async def run(payload: bytes) -> None:
        try:
            use = msgspec.json.decode(payload, type=EmbeddingUse)
        except msgspec.DecodeError as error:
            raise JobFailed(type(error).__name__, is_permanent=True) from None
        async with pool.transaction() as db:
            await enter_platform(db)
            await record_use(db, use)

    return run
