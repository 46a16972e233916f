"""Which client a URL makes."""

import asyncio
import contextlib
import time

import pytest
import uvloop
from redis.asyncio import Redis
from redis.asyncio.connection import SSLConnection

from shared.bus.client import BusClient, BusUnavailable, ClusterClient, bus_client, map_redis_error
from vocalized.services.valkey import Valkey


def test_a_url_of_a_cluster_names_members_and_credentials() -> None:
    client = bus_client("rediss+cluster://ann:p%40ss@a.example:7000,b.example,[::1]:7001", 1.5, connections=7)
    assert isinstance(client, ClusterClient)
    nodes = client.nodes_manager.startup_nodes.values()
    assert [(node.host, node.port) for node in nodes] == [("a.example", 7000), ("b.example", 6379), ("::1", 7001)]
    settings = client.nodes_manager.connection_kwargs
    assert (settings["username"], settings["password"]) == ("ann", "p@ss")
    assert issubclass(settings["connection_class"], SSLConnection)
    assert (settings["socket_timeout"], settings["socket_connect_timeout"]) == (1.5, 1.5)
    assert settings["max_connections"] == 7 and client.retry.get_retries() == 1


def test_without_tls_and_password_none_is_used() -> None:
    client = bus_client("redis+cluster://a.example:7000", 1.0)
    assert isinstance(client, ClusterClient)
    settings = client.nodes_manager.connection_kwargs
    assert settings["password"] is None and not issubclass(settings["connection_class"], SSLConnection)


def test_other_urls_are_of_one_server() -> None:
    assert isinstance(bus_client("redis://a.example:7000/0", 1.0), Redis)


def test_a_transport_that_closed_after_it_was_looked_at_is_a_lost_connection(valkey: Valkey) -> None:
    """uvloop raises RuntimeError then, which is neither retried by the driver nor known as Redis's absence."""
    uvloop.run(_lose_the_transport(valkey.url))


async def _lose_the_transport(url: str) -> None:
    async with contextlib.aclosing(bus_client(url, 1.0)) as client:
        assert isinstance(client, Redis)
        assert await client.ping()
        connection = await client.connection_pool.get_connection()  # type: ignore[no-untyped-call]
        connection._writer.transport.abort()
        await client.connection_pool.release(connection)
        assert await client.ping()


async def test_commands_do_not_wait_for_one_another_while_no_member_answers() -> None:
    """Members that accept connections and never answer, as behind a firewall: the driver asks all of them for the
    slots, one command after the other."""
    end = asyncio.Event()

    async def keep_silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await end.wait()
        writer.close()

    servers = [await asyncio.start_server(keep_silent, "127.0.0.1") for _ in range(3)]
    ports = [server.sockets[0].getsockname()[1] for server in servers]
    client = bus_client("redis+cluster://" + ",".join(f"127.0.0.1:{port}" for port in ports), 0.1)
    began = time.monotonic()
    try:
        await asyncio.gather(*(_fail(client) for _ in range(100)))
        assert time.monotonic() - began < 10, "100 commands after one another take 30 s"
    finally:
        end.set()
        await client.aclose()
        for server in servers:
            server.close()


async def _fail(client: BusClient) -> None:
    with pytest.raises(BusUnavailable):
        async with map_redis_error():
            await client.get("key")
