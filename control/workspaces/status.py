"""Transitions of a workspace's status, as pure functions."""

from dataclasses import replace
from datetime import datetime

from control.workspaces.model import Workspace


def suspend(workspace: Workspace, why: str | None, now: datetime) -> Workspace:
    """Suspends and stores the previous status; a suspended workspace only gets the new reason."""
    if workspace.status == "suspended":
        return replace(workspace, suspended_why=why)
    return replace(workspace, status="suspended", status_before=workspace.status, suspended_at=now, suspended_why=why)


def resume(workspace: Workspace, now: datetime) -> Workspace:
    """Restores the previous status; an ended trial becomes active, or it would be suspended again at once."""
    if workspace.status != "suspended":
        return workspace
    over = workspace.trial_ends_at is not None and workspace.trial_ends_at <= now
    on_trial = workspace.status_before == "trial" and not over
    return _without_suspension(replace(workspace, status="trial" if on_trial else "active"))


def activate(workspace: Workspace) -> Workspace:
    """Activates from any status."""
    return _without_suspension(replace(workspace, status="active"))


def start_trial(workspace: Workspace, ends_at: datetime) -> Workspace:
    """Starts a trial; a running trial keeps its end."""
    if workspace.status == "trial":
        return workspace
    return _without_suspension(replace(workspace, status="trial", trial_ends_at=ends_at))


def _without_suspension(workspace: Workspace) -> Workspace:
    return replace(workspace, status_before=None, suspended_at=None, suspended_why=None)
