"""Closes this process's way to the network and to other programs."""

import sys
from typing import Any, Final

# Events of `sys.audit` before something leaves the process: https://docs.python.org/3/library/audit_events.html.
REFUSED: Final = frozenset(
    (
        "socket.bind", "socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendmsg",
        "socket.sendto", "subprocess.Popen", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn",
        "os.system",
    )
)  # fmt: skip


class EgressRefused(PermissionError):
    """A test call tried to reach the network or to start a program."""


def close_egress() -> None:
    """Refuses connections, look-ups of names and new programs until this process ends. It cannot be undone."""
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event in REFUSED:
        raise EgressRefused(f"{event} is refused in a test of an agent")
