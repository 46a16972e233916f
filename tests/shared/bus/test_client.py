"""Which client a URL makes."""

from redis.asyncio import Redis
from redis.asyncio.connection import SSLConnection

from shared.bus.client import ClusterClient, bus_client


def test_a_url_of_a_cluster_names_members_and_credentials() -> None:
    client = bus_client("rediss+cluster://ann:p%40ss@a.example:7000,b.example,[::1]:7001", 1.5, connections=7)
    assert isinstance(client, ClusterClient)
    nodes = client.nodes_manager.startup_nodes.values()
    assert [(one.host, one.port) for one in nodes] == [("a.example", 7000), ("b.example", 6379), ("::1", 7001)]
    settings = client.nodes_manager.connection_kwargs
    assert (settings["username"], settings["password"]) == ("ann", "p@ss")
    assert settings["connection_class"] is SSLConnection
    assert (settings["socket_timeout"], settings["socket_connect_timeout"]) == (1.5, 1.5)
    assert settings["max_connections"] == 7 and client.retry.get_retries() == 1


def test_without_tls_and_password_none_is_used() -> None:
    client = bus_client("redis+cluster://a.example:7000", 1.0)
    assert isinstance(client, ClusterClient)
    settings = client.nodes_manager.connection_kwargs
    assert settings["password"] is None and settings["connection_class"] is not SSLConnection


def test_other_urls_are_of_one_server() -> None:
    assert isinstance(bus_client("redis://a.example:7000/0", 1.0), Redis)
