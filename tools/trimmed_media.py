"""Runs the media program without one stage: `python -m tools.trimmed_media STAGE ARGUMENTS`.

The difference between the CPU of this server and the whole one is what the stage costs within the server, with its
caches as they are there. A stage alone in a loop costs a half to a third of that.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Final

from media.server.connection import StreamConnection
from shared.huge_pages import use_huge_pages


def without_ticks() -> None:
    """Leave out the calls' ticks."""
    StreamConnection.tick = lambda self: None  # type: ignore[method-assign]


def without_path() -> None:
    """Leave out the ticks and, once a call has begun, everything after its WebSocket messages."""
    without_ticks()
    receive = StreamConnection.on_message

    def count(connection: StreamConnection, payload: bytes, is_text: bool) -> None:
        if connection.call is None:
            receive(connection, payload, is_text)
        else:
            connection.messages += 1

    StreamConnection.on_message = count  # type: ignore[method-assign, assignment]


STAGES: Final[Mapping[str, Callable[[], None]]] = {"ticks": without_ticks, "path": without_path}

if __name__ == "__main__":
    use_huge_pages()
    STAGES[sys.argv.pop(1)]()
    from media.command import main

    sys.exit(main())
