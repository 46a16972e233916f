"""Call screening in the record of a call."""

from datetime import datetime
from uuid import UUID

import pytest

from control.calls.events.rules import NewEvent, apply_events
from control.calls.records.details import decode_details, encode_details
from control.calls.records.state import CallState
from shared.events import CallScreened
from tests.control.calls.call_platform import NOW, later

CALL = CallState(
    id=UUID(int=1),
    workspace_id=UUID(int=2),
    created_at=NOW,
    is_test=False,
    direction="outbound",
    carrier="twilio",
    carrier_call_id="CA1",
    status="in_progress",
)


@pytest.mark.parametrize("seconds", [(5, 9), (9, 5)])
def test_earliest_report_of_call_screening_is_stored(seconds: tuple[float, float]) -> None:
    state = CALL
    for seq, at in enumerate(seconds):
        state, _ = apply_events(state, [], [NewEvent(seq, later(at), CallScreened(1_000))])
    assert state.details.screened_at == later(5)
    stored: datetime | None = decode_details(encode_details(state.details)).screened_at
    assert stored == later(5)
