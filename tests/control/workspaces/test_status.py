"""Transitions of a workspace's status in any order."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from control.workspaces import rules as workspaces_rules
from control.workspaces.rules import Workspace

NOW = datetime(2026, 11, 25, tzinfo=UTC)
DAY = timedelta(days=1)
ACTIVE = Workspace(
    id=UUID(int=1),
    name="W",
    industry=None,
    timezone="UTC",
    status="active",
    status_before=None,
    tier_name="t",
    trial_ends_at=None,
    suspended_at=None,
    suspended_why=None,
    deleted_at=None,
    purge_after=None,
    created_at=NOW,
    updated_at=NOW,
)
TRIAL = replace(ACTIVE, status="trial", trial_ends_at=NOW + DAY)
steps = st.sampled_from(("suspend", "resume", "activate", "start_trial", "wait"))


def step(workspace: Workspace, name: str, now: datetime) -> Workspace:
    match name:
        case "suspend":
            return workspaces_rules.suspend(workspace, "why", now)
        case "resume":
            return workspaces_rules.resume(workspace, now)
        case "activate":
            return workspaces_rules.activate(workspace)
        case "start_trial":
            return workspaces_rules.start_trial(workspace, now + DAY)
    return workspace


@given(st.sampled_from((ACTIVE, TRIAL)), st.lists(steps, max_size=8))
def test_suspension_fields_match_the_status(workspace: Workspace, names: list[str]) -> None:
    for passed, name in enumerate(names):
        workspace = step(workspace, name, NOW + passed * DAY / 2)
        is_suspended = workspace.status == "suspended"
        assert (workspace.status_before is not None) == is_suspended
        assert (workspace.suspended_at is not None) == is_suspended
        assert (workspace.suspended_why is not None) == is_suspended
        assert workspace.status != "trial" or workspace.trial_ends_at is not None


@given(st.sampled_from((ACTIVE, TRIAL)))
def test_resuming_restores_the_workspace(workspace: Workspace) -> None:
    assert workspaces_rules.resume(workspaces_rules.suspend(workspace, "why", NOW), NOW) == workspace


def test_second_suspension_changes_only_the_reason() -> None:
    twice = workspaces_rules.suspend(workspaces_rules.suspend(TRIAL, "first", NOW), "second", NOW + DAY)
    assert twice == replace(workspaces_rules.suspend(TRIAL, "second", NOW))


def test_trial_that_ended_meanwhile_resumes_as_active() -> None:
    assert workspaces_rules.resume(workspaces_rules.suspend(TRIAL, None, NOW), NOW + DAY).status == "active"


def test_running_trial_keeps_its_end_and_a_new_one_gets_its_own() -> None:
    assert workspaces_rules.start_trial(TRIAL, NOW + 9 * DAY) == TRIAL
    assert workspaces_rules.start_trial(ACTIVE, NOW + 9 * DAY).trial_ends_at == NOW + 9 * DAY
