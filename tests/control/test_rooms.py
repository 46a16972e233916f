"""Rules of control: stores and read models are private to their room, handlers have no pool."""

import grimp
import pytest


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    """The import graph of control."""
    return grimp.build_graph("control")


def test_stores_and_read_models_are_imported_only_in_their_room(graph: grimp.ImportGraph) -> None:
    stores = [
        name for name in graph.modules if name.rpartition(".")[2].partition("_")[0] in ("store", "read", "queries")
    ]
    foreign = [
        f"{importer} -> {store}"
        for store in stores
        for importer in graph.find_modules_that_directly_import(store)
        if room(importer) != room(store)
    ]
    assert stores
    assert not foreign


def test_handlers_do_not_import_the_pool(graph: grimp.ImportGraph) -> None:
    """Handlers use the transaction of their context."""
    handlers = [name for name in graph.modules if name.endswith(".routes")]
    handlers.remove("control.inbound_webhooks.routes")
    assert handlers
    assert not [name for name in handlers if "control.db.pool" in graph.find_modules_directly_imported_by(name)]


def room(module: str) -> str:
    """The room of a module: control.agents for control.agents.queries."""
    return ".".join(module.split(".")[:2])
