"""How a workspace's status may change: pure, from one value to the next."""

from dataclasses import replace
from datetime import datetime

from control.workspaces.model import Workspace


def suspended(workspace: Workspace, why: str | None, now: datetime) -> Workspace:
    """Out of service, remembering what it was; one that is suspended already only gets the new reason."""
    if workspace.status == "suspended":
        return replace(workspace, suspended_why=why)
    return replace(workspace, status="suspended", status_before=workspace.status, suspended_at=now, suspended_why=why)


def resumed(workspace: Workspace, now: datetime) -> Workspace:
    """What it was before; a trial that is over by now is active, or it would be suspended again at once."""
    if workspace.status != "suspended":
        return workspace
    over = workspace.trial_ends_at is not None and workspace.trial_ends_at <= now
    on_trial = workspace.status_before == "trial" and not over
    return _running(replace(workspace, status="trial" if on_trial else "active"))


def active(workspace: Workspace) -> Workspace:
    """In service, whatever it was."""
    return _running(replace(workspace, status="active"))


def on_trial(workspace: Workspace, ends_at: datetime) -> Workspace:
    """On trial; one that is so already keeps its end."""
    if workspace.status == "trial":
        return workspace
    return _running(replace(workspace, status="trial", trial_ends_at=ends_at))


def _running(workspace: Workspace) -> Workspace:
    return replace(workspace, status_before=None, suspended_at=None, suspended_why=None)
