"""TCP ports of the platform on 127.0.0.1. Imports the standard library only, because the doctor uses it too."""

import socket
from dataclasses import dataclass

from vocalized.free_port import free_port


@dataclass(frozen=True, slots=True)
class Ports:
    """Where each part listens; `media` has one port for each node."""

    control: int
    worker: int
    carrier: int
    media: tuple[int, ...]

    @property
    def control_url(self) -> str:
        """Base URL of the API."""
        return f"http://127.0.0.1:{self.control}"

    @property
    def carrier_url(self) -> str:
        """Base URL of the phone network's HTTP interface."""
        return f"http://127.0.0.1:{self.carrier}"


class PortUnavailable(RuntimeError):
    """A port that was asked for cannot be used; the message names the flag that changes it."""


def choose_ports(*, control: int = 0, media: int = 0, carrier: int = 0, media_nodes: int = 1) -> Ports:
    """The ports asked for; 0 becomes a free one. The media nodes take `media` and the ports after it.

    Raises PortUnavailable for a port that is taken: another program would answer in the platform's place.
    """
    more = [media + number if media else 0 for number in range(1, media_nodes)]
    return Ports(
        control=_usable(control, "--control-port"),
        worker=free_port(),
        carrier=_usable(carrier, "--carrier-port"),
        media=tuple(_usable(port, "--media-port") for port in (media, *more)),
    )


def port_fault(port: int) -> str:
    """Why nobody can listen on this port of 127.0.0.1; empty when it is free. Port 0 is always free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OverflowError:
            return "there is no such port"
        except OSError as error:
            return error.strerror or str(error)
    return ""


def _usable(port: int, flag: str) -> int:
    if fault := port_fault(port):
        raise PortUnavailable(f"port {port} cannot be used: {fault}; {flag} takes another")
    return port or free_port()
