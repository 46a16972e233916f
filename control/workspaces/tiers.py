"""Check whether a workspace fits into a tier."""

from control.platform.model import Tier
from control.workspaces.model import WorkspaceUse
from shared.errors import Conflict


def require_fit(use: WorkspaceUse, tier: Tier) -> None:
    """Raises Conflict (code tier_too_small), which lists all exceeded limits."""
    members = use.members + use.invitations
    counts = (
        ("agents", use.agents, tier.max_agents),
        ("members and open invitations", members, tier.max_members),
        ("phone numbers", use.phone_numbers, tier.max_phone_numbers),
    )
    over = [f"{there} {what} where {most} are allowed" for what, there, most in counts if there > most]
    if over:
        raise Conflict(f"The tier {tier.tier_name!r} is too small: {', '.join(over)}.", code="tier_too_small")
