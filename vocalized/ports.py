"""Ports of this machine; nothing is imported that may be missing, for the doctor asks too."""

import socket


def port_fault(port: int) -> str:
    """Why nobody can listen on this port of 127.0.0.1, empty when one can; on port 0, a free one, one always can."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OverflowError:
            return "there is no such port"
        except OSError as error:
            return error.strerror or str(error)
    return ""
