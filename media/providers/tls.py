"""TLS contexts that resume the last session with a vendor's host.

Resuming a session avoids the transfer and verification of the certificate (RFC 8446, 2.2), which is most of the
computation of a handshake with a distant vendor. Python's event loops accept no session, so the context supplies it.
"""

import ssl
from dataclasses import dataclass
from typing import Any, Final

# The maximum number of hosts, including customers' hosts, whose sessions are kept. The oldest host is removed first.
MAX_HOSTS: Final = 256


@dataclass(frozen=True, slots=True)
class _Begun:
    """A connection that was started.

    Attributes:
        resumed: The session that the connection was started with.
    """

    connection: ssl.SSLObject
    resumed: ssl.SSLSession | None

    def find_session(self) -> ssl.SSLSession | None:
        """Return the session that the server issued on this connection, or else the session that was resumed.

        Before the handshake is complete, and after it failed, Python cannot copy the session and raises ValueError.
        """
        try:
            own = self.connection.session
        except ValueError:
            return self.resumed
        return own if own is not None and own.id else self.resumed


class ResumingTlsContext(ssl.SSLContext):
    """Client TLS settings with the system's certificate authorities (also `SSL_CERT_FILE`) that resume sessions by host
    name."""

    _latest: dict[str, _Begun]

    def __new__(cls) -> "ResumingTlsContext":
        context = super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)
        context._latest = {}
        context.load_default_certs()
        return context

    def wrap_bio(  # the only function through which the transports of asyncio and uvloop start TLS
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """Start a connection with the host's latest session, if there is one."""
        host = server_hostname if isinstance(server_hostname, str) else ""
        latest = self._latest.get(host)
        known = session or (latest.find_session() if latest is not None else None)
        made: Any = super().wrap_bio(incoming, outgoing, server_side, server_hostname, known)
        self._latest.pop(host, None)
        self._latest[host] = _Begun(made, known)
        if len(self._latest) > MAX_HOSTS:
            del self._latest[next(iter(self._latest))]
        return made  # type: ignore[no-any-return]  # typeshed leaves it untyped
