"""Ports for servers that are started later: none comes twice, none that the system gives to connections, none taken."""

import socket
from contextlib import ExitStack

import pytest

from vocalized import free_port as module
from vocalized.free_port import FIRST, LAST, NoFreePort, free_port

# More than the square root of the range: drawn with repetition, two of them would be the same.
MANY = 2_000


def test_no_port_is_given_twice_nor_from_where_connections_take_theirs() -> None:
    ports = [free_port() for _ in range(MANY)]
    assert len(set(ports)) == MANY
    assert all(FIRST <= port <= LAST for port in ports)


def test_a_taken_port_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    with ExitStack() as held:
        free = [free_port() for _ in range(4)]
        for port in free[:3]:
            held.enter_context(socket.create_server(("127.0.0.1", port)))
        monkeypatch.setattr(module, "_given", set())
        monkeypatch.setattr(module, "FIRST", min(free))
        drawn = iter(free)
        monkeypatch.setattr("secrets.randbelow", lambda _: next(drawn) - min(free))
        assert free_port() == free[3]


def test_without_any_free_port_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LAST", FIRST)
    monkeypatch.setattr(module, "_given", {FIRST})
    with pytest.raises(NoFreePort, match=f"from {FIRST} to {FIRST}"):
        free_port()
