"""Transitions of a workspace's status, as pure functions."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from control.workspaces.model import SuspensionCause, Workspace
from shared.errors import Conflict

# Why the platform itself suspended a workspace (suspended_why).
OVERDUE_REASON: Final = "An invoice is overdue."
_MESSAGES: Final[Mapping[SuspensionCause, str]] = {
    "invoice_overdue": "This workspace is suspended, because an invoice is overdue",
    "trial_over": "This workspace is suspended, because its trial is over",
    "staff": "This workspace was suspended by the platform's staff",
}


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


def suspension_cause(workspace: Workspace) -> SuspensionCause | None:
    """Why the workspace is suspended, for its members; None if it is not. The staff's reason is not for them."""
    if workspace.status != "suspended":
        return None
    if workspace.suspended_why == OVERDUE_REASON:
        return "invoice_overdue"
    ends, at = workspace.trial_ends_at, workspace.suspended_at
    trial_over = workspace.status_before == "trial" and ends is not None and at is not None and ends <= at
    return "trial_over" if trial_over else "staff"


def require_not_suspended(workspace: Workspace) -> None:
    """Raises Conflict (code workspace_suspended), which says who suspended it and what to do."""
    cause = suspension_cause(workspace)
    if cause is not None:
        advice = "Pay it, or ask" if cause == "invoice_overdue" else "Ask"
        text = (
            f"{_MESSAGES[cause]}: nothing in it can be changed, and no calls are made. {advice} the platform's support."
        )
        raise Conflict(text, code="workspace_suspended")


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
