"""The collector of reference cycles: young ones at once, what is older only where no call waits for it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.media.server import collector_scenarios

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    "scenario",
    [
        collector_scenarios.a_young_cycle_is_freed_by_what_is_made_after_it,
        collector_scenarios.what_is_older_is_set_aside_and_not_looked_at_again,
        collector_scenarios.all_is_looked_at_once_after_the_last_call,
        collector_scenarios.calls_that_come_and_go_bring_no_more_than_one_look_a_minute,
        collector_scenarios.a_node_that_always_has_calls_looks_at_all_once_an_hour,
        collector_scenarios.once_stopped_it_does_nothing,
    ],
    ids=lambda scenario: scenario.__name__,
)
def test_collector(scenario: Callable[[], None]) -> None:
    command = [sys.executable, "-c", f"from {scenario.__module__} import {scenario.__name__} as run; run()"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
