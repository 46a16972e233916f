"""What a workspace may have of campaigns: by the platform's settings, and by its tier's features of the same names."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from control.db.pool import Connection
from control.platform.service import Platform
from control.workspaces.service import Workspaces

_NAMES: Final = {
    "campaigns": "campaigns",
    "running": "campaigns_running",
    "recipients": "campaign_recipients",
    "attempts": "campaign_attempts",
}


@dataclass(frozen=True, slots=True)
class CampaignLimits:
    """campaigns: in all; running: at once; recipients: of one campaign; attempts: for one recipient."""

    campaigns: int
    running: int
    recipients: int
    attempts: int


async def load_limits(db: Connection, platform: Platform, workspaces: Workspaces, workspace_id: UUID) -> CampaignLimits:
    """Raises NotFound."""
    tier = await workspaces.limits(db, workspace_id)
    values = {field: await platform.setting(db, name) for field, name in _NAMES.items()}
    own = {field: tier.features.get(name) for field, name in _NAMES.items()}
    return CampaignLimits(**values | {field: value for field, value in own.items() if isinstance(value, int)})
