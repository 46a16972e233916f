"""Reads the audit log's seals and entries, a page at a time."""

from collections.abc import AsyncIterator
from typing import Final
from uuid import UUID

from control.db.pool import Connection
from control.platform import store_audit_seals as store
from control.platform.audit_chain import EPOCH

_PAGE: Final = 1_000


async def has_digest(db: Connection, digest: str) -> bool:
    """Whether a seal has the digest, given as hexadecimal digits."""
    last = 0
    while seals := await store.select_seals(db, last, _PAGE):
        if any(seal.digest.hex() == digest for seal in seals):
            return True
        last = seals[-1].number
    return False


async def export_lines(db: Connection) -> AsyncIterator[str]:
    """All entries, oldest first: each line is an object of the entry's hash and its content, of whose text as it stands
    the hash is SHA-256."""
    after = (EPOCH, UUID(int=0))
    while entries := await store.select_contents(db, after, _PAGE):
        for entry in entries:
            yield f'{{"hash":"{entry.hash.hex()}","content":{entry.content}}}\n'
        after = (entries[-1].at, entries[-1].entry_id)
