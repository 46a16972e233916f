"""The embedded cluster: its password, its slots, and its end."""

from contextlib import aclosing
from pathlib import Path

import pytest
from redis.exceptions import RedisClusterException

from shared.bus.client import ClusterClient, bus_client
from tests.vocalized.processes import linux_only, wait_ended
from vocalized.services.valkey_cluster import SLOTS, running_valkey_cluster


@linux_only
async def test_members_share_all_slots_behind_a_password_and_end_with_the_block(state: Path) -> None:
    async with running_valkey_cluster(state, durable=True) as cluster:
        async with aclosing(bus_client(cluster.url, 5.0)) as client:
            assert isinstance(client, ClusterClient)
            for number in range(30):
                await client.set(f"key-{number}", number)
            sizes = [await client.dbsize(target_nodes=node) for node in client.get_primaries()]
            assert sum(sizes) == 30 and all(sizes) and len(sizes) == 3
            assert len(client.nodes_manager.slots_cache) == SLOTS
        async with aclosing(bus_client(cluster.url.replace(cluster.password, "wrong"), 5.0)) as client:
            with pytest.raises(RedisClusterException, match="invalid username-password"):
                await client.get("key-1")
        assert cluster.primary_of(0) is cluster.primaries[0]
        assert cluster.primary_of(SLOTS - 1) is cluster.primaries[2]
        files = list((state / "valkey-cluster").rglob("valkey.conf"))
        assert len(files) == 3 and all(path.stat().st_mode & 0o077 == 0 for path in files)
    assert all(wait_ended(member.process.pid) for member in cluster.primaries)
