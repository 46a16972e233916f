"""Keys of recordings in object storage: `recordings/<workspace id>/<file>`."""

from typing import Final
from uuid import UUID

FOLDER: Final = "recordings"


def recordings_prefix(workspace_id: UUID | str) -> str:
    """Return the prefix of all keys of a workspace's recordings."""
    return f"{FOLDER}/{workspace_id}/"
