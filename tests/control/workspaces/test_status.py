"""How a status changes, whatever happens in whatever order."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from control.workspaces import status
from control.workspaces.model import Workspace

NOW = datetime(2026, 11, 25, tzinfo=UTC)
DAY = timedelta(days=1)
ACTIVE = Workspace(UUID(int=1), "W", None, "UTC", "active", None, "t", None, None, None, None, None, NOW, NOW)
TRIAL = replace(ACTIVE, status="trial", trial_ends_at=NOW + DAY)
steps = st.sampled_from(("suspend", "resume", "activate", "try", "wait"))


def step(workspace: Workspace, name: str, now: datetime) -> Workspace:
    match name:
        case "suspend":
            return status.suspended(workspace, "why", now)
        case "resume":
            return status.resumed(workspace, now)
        case "activate":
            return status.active(workspace)
        case "try":
            return status.on_trial(workspace, now + DAY)
    return workspace


@given(st.sampled_from((ACTIVE, TRIAL)), st.lists(steps, max_size=8))
def test_what_is_remembered_fits_the_status(workspace: Workspace, names: list[str]) -> None:
    for passed, name in enumerate(names):
        workspace = step(workspace, name, NOW + passed * DAY / 2)
        asleep = workspace.status == "suspended"
        assert (workspace.status_before is not None) == asleep
        assert (workspace.suspended_at is not None) == asleep
        assert (workspace.suspended_why is not None) == asleep
        assert workspace.status != "trial" or workspace.trial_ends_at is not None


@given(st.sampled_from((ACTIVE, TRIAL)))
def test_a_suspension_that_ends_leaves_no_trace(workspace: Workspace) -> None:
    assert status.resumed(status.suspended(workspace, "why", NOW), NOW) == workspace


def test_a_second_suspension_forgets_nothing_but_the_reason() -> None:
    twice = status.suspended(status.suspended(TRIAL, "first", NOW), "second", NOW + DAY)
    assert twice == replace(status.suspended(TRIAL, "second", NOW))


def test_a_trial_that_ended_meanwhile_resumes_as_active() -> None:
    assert status.resumed(status.suspended(TRIAL, None, NOW), NOW + DAY).status == "active"


def test_a_trial_keeps_its_end_and_a_new_one_gets_its_own() -> None:
    assert status.on_trial(TRIAL, NOW + 9 * DAY) == TRIAL
    assert status.on_trial(ACTIVE, NOW + 9 * DAY).trial_ends_at == NOW + 9 * DAY
