"""The job that writes the usage of embedders to the ledger.

The usage has the role of language models, like the analysis of calls. Sums over providers would exclude another role.
"""

from datetime import UTC
from typing import Final

from control.analytics.rollups.service import WorkspaceDay, mark_days
from control.billing.ledger.rules import UsageEvent
from control.billing.ledger.service import record_usage
from control.db.jobs import JobHandler, decode_payload
from control.db.pool import Pool
from control.db.scope import enter_platform
from control.knowledge.embedder import EmbeddingUse
from shared.events import UsageRecorded

PURPOSE: Final = "embedding"
# The provider's name in the ledger and in price lists. The platform has only one embedder.
PROVIDER: Final = "embedder"
VENDOR: Final = "openai"  # The vendor whose API the embedder uses.


def make_record_embedding_job(pool: Pool) -> JobHandler:
    """Return the job `billing.record_embedding`."""

    async def run(payload: bytes) -> None:
        use = decode_payload(payload, EmbeddingUse)
        async with pool.transaction() as db:
            await enter_platform(db)
            await record_usage(db, [_make_event(use)])
            await mark_days(db, [WorkspaceDay(use.workspace_id, use.at.astimezone(UTC).date())])

    return run


def _make_event(use: EmbeddingUse) -> UsageEvent:
    usage = UsageRecorded(
        resource_type="llm",
        provider=PROVIDER,
        vendor=VENDOR,
        model=use.model,
        quantity=use.tokens,
        unit="prompt_tokens",
        estimated=use.is_estimated,
    )
    return UsageEvent(
        call_id=use.call_id,
        workspace_id=use.workspace_id,
        agent_id=use.agent_id,
        seq=None,
        at=use.at,
        usage=usage,
        purpose=PURPOSE,
        id=use.id,
    )
