"""The simulation of the choice of nodes, and the measurement of the registry."""

from dataclasses import replace
from pathlib import Path

import pytest

from lab.scenarios.node_placement.placement import Fleet, simulate
from lab.scenarios.node_placement.registry_cost import measure_registry
from shared.bus.nodes import SAMPLE

FLEET = Fleet(nodes=300, capacity=64, load=0.7)


def test_a_few_draws_spread_calls_nearly_as_well_as_a_look_at_all_nodes() -> None:
    chance, drawn, all_nodes = (simulate(FLEET, sample, 20.0) for sample in (1, SAMPLE, None))
    assert drawn.deviation < 1.1 * all_nodes.deviation < chance.deviation
    assert drawn.refused == 0


def test_nodes_that_have_just_started_get_fewer_calls_at_once_than_by_a_look_at_all() -> None:
    fleet = replace(FLEET, restarted=3)
    assert simulate(fleet, SAMPLE, 5.0).burst < simulate(fleet, None, 5.0).burst


def test_calls_beyond_the_capacity_are_refused() -> None:
    full = replace(FLEET, load=1.3)
    found = simulate(full, SAMPLE, 20.0)
    assert found.most == 64 and found.refused > 0.1 * found.chosen


def test_calls_begin_as_often_as_the_load_wants() -> None:
    found = simulate(FLEET, SAMPLE, 20.0)
    assert found.chosen == pytest.approx(20.0 * FLEET.calls_per_s, rel=0.1)


async def test_each_operation_of_the_registry_is_measured(services_state: Path) -> None:
    costs = {one.operation: one for one in await measure_registry(services_state / "registry", 100, times=20)}
    assert costs["choose a node"].server_us < 5_000 and all(cost.server_us > 0 for cost in costs.values())
