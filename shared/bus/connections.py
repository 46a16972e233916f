"""Redis connections that treat a closed transport as a lost connection."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection, UnixDomainSocketConnection
from redis.exceptions import ConnectionError as LostConnection


class ClosedTransport(AbstractConnection):
    """uvloop raises RuntimeError where something is written to a closed transport; the driver retries after its own
    errors and OSError only."""

    async def send_packed_command(self, command: bytes | str | Iterable[bytes], check_health: bool = True) -> None:
        """Raises what the driver's does."""
        try:
            await super().send_packed_command(command, check_health)
        except RuntimeError as error:
            if "the handler is closed" not in str(error):
                raise
            raise LostConnection("The connection was closed.") from error


class BusConnection(ClosedTransport, Connection):
    """Over TCP."""


class BusTlsConnection(ClosedTransport, SSLConnection):
    """Over TLS."""


class BusUnixConnection(ClosedTransport, UnixDomainSocketConnection):
    """Over a Unix socket."""


# By the driver's class.
CONNECTIONS: Final[Mapping[type[AbstractConnection], type[Any]]] = {
    Connection: BusConnection,
    SSLConnection: BusTlsConnection,
    UnixDomainSocketConnection: BusUnixConnection,
}
