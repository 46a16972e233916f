"""What other rooms ask of a connection."""

from typing import Protocol
from uuid import UUID


class GrantedAccess(Protocol):
    """Implemented by `Connections` (control/integrations/connections.py)."""

    async def access_token(self, workspace_id: UUID, integration_id: UUID, *, refused: str = "") -> str:
        """The OAuth access token or the API key, good for at least a minute; refreshed first where it is not. refused:
        a token that the vendor has just refused, which is refreshed although it seems valid; the same is returned if it
        cannot be. Opens its own transactions, so it is called without one. Raises NotFound, Conflict (code
        integration_not_connected), Unavailable (the vendor does not answer, or somebody's refresh takes too long)."""
        ...

    async def close(self) -> None:
        """Waits for refreshes that are under way."""
        ...
