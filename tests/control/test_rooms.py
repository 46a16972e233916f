"""A room's records are its own: its stores are imported from nowhere else."""

import grimp
import pytest

from control.app import ROUTES
from control.http.route import shape


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    """Who imports whom in control."""
    return grimp.build_graph("control")


def test_a_store_is_imported_only_from_its_own_room(graph: grimp.ImportGraph) -> None:
    stores = [name for name in graph.modules if name.rpartition(".")[2].partition("_")[0] == "store"]
    strangers = [
        f"{importer} -> {store}"
        for store in stores
        for importer in graph.find_modules_that_directly_import(store)
        if room(importer) != room(store)
    ]
    assert stores
    assert not strangers


def test_handlers_know_routes_and_rooms_but_no_pool(graph: grimp.ImportGraph) -> None:
    """They work in the transaction that they are given."""
    handlers = [name for name in graph.modules if name.startswith(("control.api.admin.", "control.api.client."))]
    assert handlers
    assert not [name for name in handlers if "control.db.pool" in graph.find_modules_directly_imported_by(name)]


def test_every_route_has_a_shape_and_says_what_it_does() -> None:
    for route in ROUTES:
        assert shape(route).summary, f"{route.method} {route.path}: the handler has no docstring"


def test_no_two_routes_answer_the_same_request() -> None:
    asked = [(route.method, route.path) for route in ROUTES]
    assert len(set(asked)) == len(asked)


def room(module: str) -> str:
    """control.agents.store_versions stands in control.agents."""
    return ".".join(module.split(".")[:2])
