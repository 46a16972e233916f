"""Order of the documents that wait to be indexed: workspaces take turns, however many documents each has.

A document's start tag is that of start-time fair queueing (Goyal, Vin, Cheng 1996, ACM SIGCOMM): one more than that of
its workspace's last waiting document, and not less than the tag that is served now. So the only document of one
workspace waits for one document of each other workspace, and nobody saves up service while nothing is to be indexed."""

from typing import Final
from uuid import UUID

from control.db.jobs import select_highest_priority
from control.db.pool import Connection
from control.knowledge import store

INDEX_DOCUMENT: Final = "knowledge.index_document"
# Above that of other jobs, of which there may be any number, while two of these run at once.
_FIRST_PRIORITY: Final = 1_000_000_000


async def next_start_tag(db: Connection, workspace_id: UUID) -> int:
    """The start tag of the workspace's next document."""
    last = await store.select_last_start_tag(db, workspace_id)
    highest = await select_highest_priority(db, INDEX_DOCUMENT)
    served = 0 if highest is None else _FIRST_PRIORITY - highest
    return served if last is None else max(served, last + 1)


def priority_of(start_tag: int) -> int:
    """The priority of the job that indexes a document with this start tag."""
    return _FIRST_PRIORITY - start_tag
