"""Keys by which vendors recognise the runs of tools."""

from hashlib import sha256
from uuid import UUID


def make_run_key(call_id: UUID, run_id: str) -> str:
    """Of a run within a call: 32 characters of 0-9a-f, which Google takes as an event's id (base32hex)."""
    return sha256(f"{call_id}:{run_id}".encode()).hexdigest()[:32]
