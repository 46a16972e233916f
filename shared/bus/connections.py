"""Redis connections that treat a closed transport as a lost connection."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection, UnixDomainSocketConnection
from redis.exceptions import ConnectionError as LostConnection


class ClosedTransport(AbstractConnection):
    """Turns the RuntimeError that uvloop raises for a write to a closed transport into the driver's error for lost
    connections.

    The driver retries only after its own errors and OSError.
    """

    async def send_packed_command(self, command: bytes | str | Iterable[bytes], check_health: bool = True) -> None:
        """Send a command. Raises the same errors as the driver's method."""
        try:
            await super().send_packed_command(command, check_health)
        except RuntimeError as error:
            if "the handler is closed" not in str(error):
                raise
            raise LostConnection("The connection was closed.") from error


class BusConnection(ClosedTransport, Connection):
    """A connection over TCP."""


class BusTlsConnection(ClosedTransport, SSLConnection):
    """A connection over TLS."""


class BusUnixConnection(ClosedTransport, UnixDomainSocketConnection):
    """A connection over a Unix socket."""


# Our connection class for each class of the driver.
CONNECTIONS: Final[Mapping[type[AbstractConnection], type[Any]]] = {
    Connection: BusConnection,
    SSLConnection: BusTlsConnection,
    UnixDomainSocketConnection: BusUnixConnection,
}
