"""Keys of documents' files in object storage: `knowledge/<workspace id>/<document id>`."""

from typing import Final
from uuid import UUID

from control.knowledge.model import KnowledgeDocument

FOLDER: Final = "knowledge"


def documents_prefix(workspace_id: UUID) -> str:
    """The prefix of all keys of a workspace's documents."""
    return f"{FOLDER}/{workspace_id}/"


def document_key(workspace_id: UUID, document_id: UUID) -> str:
    """Of a document's file."""
    return f"{documents_prefix(workspace_id)}{document_id}"


def key_of(document: KnowledgeDocument) -> str:
    """Of this document's file."""
    return document_key(document.workspace_id, document.id)
