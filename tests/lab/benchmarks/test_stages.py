"""The cost of each stage is a difference between servers, and the trimmed servers lack what their name says."""

import sys

import pytest

from lab.benchmarks.caller import Caller, CallerBehavior
from lab.benchmarks.stages import SERVERS, table
from media.server.connection import StreamConnection
from tools import trimmed_media


def test_each_stage_is_the_difference_of_two_servers() -> None:
    costs = [{"ours": 30.0, "ticks": 22.0, "path": 10.0}, {"ours": 34.0, "ticks": 24.0, "path": 11.0}]
    assert list(table(costs))[2:] == [
        "| kernel, event loop and WebSocket | 10.5 |",
        "| message to floor | 12.5 |",
        "| ticks of the calls | 9.0 |",
        "| whole server | 32.0 |",
    ]


def test_every_trimmed_media_names_a_stage_that_exists() -> None:
    stages = [server.arguments[2] for server in SERVERS if "tools.trimmed_media" in server.arguments]
    assert stages == list(trimmed_media.STAGES)
    assert sys.modules["tools.trimmed_media"] is trimmed_media


def test_server_without_path_still_begins_calls_and_counts_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    handled: list[bytes] = []
    monkeypatch.setattr(StreamConnection, "on_message", lambda self, payload, is_text: handled.append(payload))
    monkeypatch.setattr(StreamConnection, "tick", lambda self: handled.append(b"tick"))
    trimmed_media.without_path()

    class Connection:
        """A connection before and after its call has begun."""

        call: object | None = None
        messages = 0

    connection = Connection()
    StreamConnection.on_message(connection, b"start", True)  # type: ignore[arg-type]
    connection.call = object()
    StreamConnection.on_message(connection, b"media", True)  # type: ignore[arg-type]
    StreamConnection.tick(connection)  # type: ignore[arg-type]
    assert handled == [b"start"] and connection.messages == 1


def test_silent_caller_never_speaks() -> None:
    caller = Caller(CallerBehavior(5, is_silent=True), first_turn_at=0.0)
    assert {caller.tick(at * 0.02) for at in range(1_000)} == {None} and caller.turns == []
