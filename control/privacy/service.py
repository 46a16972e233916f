"""Composes the services of personal data."""

from dataclasses import dataclass

from control.platform.service import Platform
from control.privacy.caller_deletions.service import CallerDeletions
from control.privacy.exports.service import WorkspaceExports
from control.privacy.retention.service import RetentionSettings
from control.workspaces.service import Workspaces
from shared.secrets import Sealer


@dataclass(frozen=True, slots=True)
class Privacy:
    """The services for retention, deletions of callers' data, and exports."""

    retention: RetentionSettings
    deletions: CallerDeletions
    exports: WorkspaceExports


def make_privacy(workspaces: Workspaces, platform: Platform, sealer: Sealer) -> Privacy:
    """Return the services of personal data.

    Args:
        sealer: Seals numbers until they are deleted, and derives their pseudonyms.
    """
    return Privacy(RetentionSettings(workspaces, platform), CallerDeletions(sealer), WorkspaceExports(platform))
