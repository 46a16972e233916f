"""What counts as lost or doubled in the record of a call."""

import pytest

from lab.stage.call_records import find_event_faults
from shared.events import SEQ_PER_LEG

LEG_1 = SEQ_PER_LEG


@pytest.mark.parametrize(
    ("seqs", "ended", "resumed", "faults"),
    [
        ([1, 2, 3], 1, 0, []),
        ([], 0, 0, ["no events"]),
        ([1, 2, 2, 3], 1, 0, ["event 2 twice"]),
        ([2, 5, 6, 8], 1, 0, [f"event {number} missing" for number in (1, 3, 4, 7)]),
        ([1, 2, 3], 0, 0, ["0 ends"]),
        ([1, 2, LEG_1 + 1, LEG_1 + 2], 2, 0, []),
        ([1, 2, LEG_1 + 1, LEG_1 + 2], 1, 0, ["1 ends"]),
        ([1, 2, LEG_1 + 1, LEG_1 + 2], 1, 1, []),
        ([1, 2, LEG_1 + 1, LEG_1 + 2], 0, 1, ["0 ends"]),
    ],
)
def test_gaps_repetitions_and_missing_ends_are_named(
    seqs: list[int], ended: int, resumed: int, faults: list[str]
) -> None:
    assert find_event_faults(seqs, ended, resumed) == faults
