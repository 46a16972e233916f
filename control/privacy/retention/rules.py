"""How long recordings, transcripts and events are kept: by the platform, the tier and the workspace. Pure functions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from control.privacy.rules import RetentionKind
from control.workspaces.settings import RETENTION

KINDS: Final[tuple[RetentionKind, ...]] = ("recording", "transcript", "event")
LEAST_DAYS: Final = 1


def days_name(kind: RetentionKind) -> str:
    """Return the name of a number of days: a setting of the platform and of a workspace, and a feature of a tier."""
    return f"{kind}_days"


@dataclass(frozen=True, slots=True)
class RetentionTerms:
    """Days by kind.

    Attributes:
        chosen: By the workspace; None: as long as it may.
        longest: What it may choose at most.
    """

    chosen: Mapping[RetentionKind, int | None]
    longest: Mapping[RetentionKind, int]

    def days(self, kind: RetentionKind) -> int:
        """Days that it is kept. Events hold what was said, so they are kept no longer than transcripts."""
        days = min(self.chosen[kind] or self.longest[kind], self.longest[kind])
        return min(days, self.days("transcript")) if kind == "event" else days

    def cutoff(self, kind: RetentionKind, now: datetime) -> datetime:
        """Return what calls hold that were created before is deleted."""
        return now - timedelta(days=self.days(kind))


@dataclass(frozen=True, slots=True)
class RetentionLimit:
    """The longest that a workspace may keep a kind, as retention takes it.

    Attributes:
        lowered_at: Since when tier and platform allow fewer days; None: they do not.
    """

    days: int
    lowered_at: datetime | None = None


def apply_grace(before: RetentionLimit | None, longest: int, grace: timedelta, now: datetime) -> RetentionLimit:
    """Return the limit at present.

    Fewer days take effect only after the grace. Otherwise a tier that was changed by accident, or a workspace that was
    moved to another tier, would lose data that cannot be restored.

    Args:
        before: The limit of the last run; None if there was none.
        longest: Days that tier and platform allow.
    """
    if before is None or longest >= before.days:
        return RetentionLimit(longest)
    lowered_at = before.lowered_at or now
    return RetentionLimit(longest) if now - lowered_at >= grace else RetentionLimit(before.days, lowered_at)


def make_terms(
    platform: Mapping[RetentionKind, int], features: Mapping[str, Any], settings: Mapping[str, Any]
) -> RetentionTerms:
    """Return the retention terms of a workspace.

    Args:
        platform: The platform's settings.
        features: The tier's features, which may set fewer or more days than the platform.
        settings: The workspace's settings.
    """
    chosen = RETENTION.read(settings)
    return RetentionTerms(
        chosen={kind: _days(chosen, kind) for kind in KINDS},
        longest={kind: _days(features, kind) or platform[kind] for kind in KINDS},
    )


def _days(values: Mapping[str, Any], kind: RetentionKind) -> int | None:
    """Read a number of days; None for any other value, because the staff may write anything into features."""
    value = values.get(days_name(kind))
    is_days = isinstance(value, int) and not isinstance(value, bool) and value >= LEAST_DAYS
    return value if is_days else None
