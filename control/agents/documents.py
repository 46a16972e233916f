"""The documents in which an agent searches: those of its own workspace."""

from typing import Final
from uuid import UUID

from control.agents.config import AgentConfig
from control.agents.model import AgentContent
from control.db.pool import Connection
from control.knowledge.service import KnowledgeDocuments
from control.platform.validation_errors import make_invalid
from shared.errors import ErrorDetail

UNKNOWN: Final = "document_unknown"


async def require_documents(
    db: Connection, documents: KnowledgeDocuments, workspace_id: UUID, config: AgentConfig, base: AgentContent
) -> None:
    """Documents that `base` names are not checked again: one that was deleted since is found no more, and must not
    block other edits. Raises Invalid (code document_unknown) that names each one that is not the workspace's."""
    named = config.knowledge.document_ids
    before = set(base.config.get("knowledge", {}).get("document_ids", ()))
    unknown = await documents.find_unknown(db, workspace_id, {UUID(one) for one in named if one not in before})
    faults = [
        ErrorDetail(f"config.knowledge.document_ids.{index}", UNKNOWN, "is no document of this workspace")
        for index, one in enumerate(named)
        if UUID(one) in unknown
    ]
    if faults:
        raise make_invalid(faults, UNKNOWN)
