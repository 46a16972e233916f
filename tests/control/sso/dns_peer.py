"""A name server on a socket, which answers TXT records that a test sets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import dns.message
import dns.rcode
import dns.rrset


@dataclass(slots=True)
class NameServer:
    """records: texts by name. is_silent: it answers nothing."""

    address: str = ""
    records: dict[str, list[str]] = field(default_factory=dict)
    is_silent: bool = False


class _Protocol(asyncio.DatagramProtocol):
    def __init__(self, server: NameServer) -> None:
        self._server = server
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, peer: Any) -> None:
        if self._server.is_silent:
            return
        query = dns.message.from_wire(data)
        (question,) = query.question
        answer = dns.message.make_response(query)
        texts = self._server.records.get(question.name.to_text(omit_final_dot=True), [])
        if texts:
            quoted = [" ".join(f'"{text[at : at + 200]}"' for at in range(0, len(text), 200)) for text in texts]
            answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", "TXT", *quoted))
        else:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        self._transport.sendto(answer.to_wire(), peer)


@asynccontextmanager
async def name_server() -> AsyncIterator[NameServer]:
    """On a free port of 127.0.0.1."""
    server = NameServer()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Protocol(server), local_addr=("127.0.0.1", 0))
    host, port = transport.get_extra_info("sockname")
    server.address = f"{host}:{port}"
    try:
        yield server
    finally:
        transport.close()
