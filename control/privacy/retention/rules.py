"""How long recordings, transcripts and events are kept, by platform, tier and workspace. Pure functions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from control.privacy.rules import RetentionKind
from control.workspaces.settings import RETENTION

KINDS: Final[tuple[RetentionKind, ...]] = ("recording", "transcript", "event")
LEAST_DAYS: Final = 1


def days_name(kind: RetentionKind) -> str:
    """Return the name under which the days of a kind are stored in platform settings, workspace settings and tier
    features.
    """
    return f"{kind}_days"


@dataclass(frozen=True, slots=True)
class RetentionTerms:
    """A workspace's retention terms, in days by kind.

    Attributes:
        chosen: The workspace's choice; None keeps the content for the longest time.
        longest: The most days that the workspace may choose.
    """

    chosen: Mapping[RetentionKind, int | None]
    longest: Mapping[RetentionKind, int]

    def days(self, kind: RetentionKind) -> int:
        """Return the days that a kind is kept. Events contain speech, so they are kept no longer than transcripts."""
        days = min(self.chosen[kind] or self.longest[kind], self.longest[kind])
        return min(days, self.days("transcript")) if kind == "event" else days

    def cutoff(self, kind: RetentionKind, now: datetime) -> datetime:
        """Return the cutoff. Content of calls that were created earlier is deleted."""
        return now - timedelta(days=self.days(kind))


@dataclass(frozen=True, slots=True)
class RetentionLimit:
    """The longest time that a workspace may keep a kind, as retention applies it.

    Attributes:
        lowered_at: When the tier or the platform lowered the limit; None if the limit was not lowered.
    """

    days: int
    lowered_at: datetime | None = None


def apply_grace(before: RetentionLimit | None, longest: int, grace: timedelta, now: datetime) -> RetentionLimit:
    """Return the limit that applies now.

    A lower limit takes effect only after a grace period. Otherwise an accidental change of a tier, or a move of the
    workspace to another tier, would delete data that cannot be restored.

    Args:
        before: The limit of the last run; None for the first run.
        longest: Days that the tier and the platform allow.
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
        features: The tier's features, which may allow fewer or more days than the platform.
        settings: The workspace's settings.
    """
    chosen = RETENTION.read(settings)
    return RetentionTerms(
        chosen={kind: _days(chosen, kind) for kind in KINDS},
        longest={kind: _days(features, kind) or platform[kind] for kind in KINDS},
    )


def _days(values: Mapping[str, Any], kind: RetentionKind) -> int | None:
    """Read a number of days. Returns None for any other value, because staff can write any value into features."""
    value = values.get(days_name(kind))
    is_days = isinstance(value, int) and not isinstance(value, bool) and value >= LEAST_DAYS
    return value if is_days else None
