"""TLS contexts that resume the last session with a vendor's host.

That saves the certificate's transfer and verification (RFC 8446, 2.2), which at a vendor's distance is most of the time
of a handshake's computation. Python's event loops take no session, so the context hands it over.
"""

import ssl
from dataclasses import dataclass
from typing import Any, Final

# Hosts whose sessions are kept, those of customers among them; the oldest is forgotten.
MAX_HOSTS: Final = 256


@dataclass(frozen=True, slots=True)
class _Begun:
    """A connection that was begun. resumed: the session that it was given."""

    connection: ssl.SSLObject
    resumed: ssl.SSLSession | None

    def find_session(self) -> ssl.SSLSession | None:
        """Its own session, once the server has given it one; else that which it resumes.

        A handshake that goes on or has failed has no session that Python could copy: it raises ValueError.
        """
        try:
            own = self.connection.session
        except ValueError:
            return self.resumed
        return own if own is not None and own.id else self.resumed


class ResumingTlsContext(ssl.SSLContext):
    """Client settings with the system's authorities (also `SSL_CERT_FILE`), which resume sessions by host name."""

    _latest: dict[str, _Begun]

    def __new__(cls) -> "ResumingTlsContext":
        context = super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)
        context._latest = {}
        context.load_default_certs()
        return context

    def wrap_bio(  # the one place at which asyncio's and uvloop's transports begin TLS
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """Begins a connection, with the latest session of the host if there is one."""
        host = server_hostname if isinstance(server_hostname, str) else ""
        latest = self._latest.get(host)
        known = session or (latest.find_session() if latest is not None else None)
        made: Any = super().wrap_bio(incoming, outgoing, server_side, server_hostname, known)
        self._latest.pop(host, None)
        self._latest[host] = _Begun(made, known)
        if len(self._latest) > MAX_HOSTS:
            del self._latest[next(iter(self._latest))]
        return made  # type: ignore[no-any-return]  # typeshed leaves it untyped
