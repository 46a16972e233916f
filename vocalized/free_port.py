"""A TCP port of 127.0.0.1 for a server that is started later. Imports the standard library only."""

import secrets
import socket
from typing import Final

# Below the ports that Linux (32768 and up) and macOS (49152 and up) give to outgoing connections and to servers that
# ask for any port: one of those could be taken between this answer and the server's start.
FIRST: Final = 10_240
LAST: Final = 32_767
_TRIES: Final = 1_000
# No port is given twice, as the servers of one platform are started after all their ports are known.
_given: set[int] = set()


class NoFreePort(RuntimeError):
    """Hardly a port of 127.0.0.1 is free."""


def free_port() -> int:
    """A TCP port on which nobody listens at this moment, and that this process has not given before.

    Raises NoFreePort.
    """
    for _ in range(_TRIES):
        port = FIRST + secrets.randbelow(LAST + 1 - FIRST)
        if port not in _given and is_free(port):
            _given.add(port)
            return port
    raise NoFreePort(f"no free port among {_TRIES} from {FIRST} to {LAST} on 127.0.0.1")


def is_free(port: int) -> bool:
    """Whether nobody listens on this port at this moment."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
