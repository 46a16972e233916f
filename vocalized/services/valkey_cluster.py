"""An embedded cluster of Valkeys (Redis Cluster's protocol), on loopback behind a password: a cluster has no sockets in
the file system, because its nodes send clients to each other by host and port."""

import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from vocalized.free_port import free_port
from vocalized.services.binaries import valkey_program
from vocalized.services.folders import locked, make_state
from vocalized.services.process import Program, ServiceFailed, running
from vocalized.services.thread import in_thread

SLOTS: Final = 16_384
PRIMARIES: Final = 3
# Valkey's own default. Shorter for tests of a failover only: on a loaded machine a slow node would count as failed.
NODE_TIMEOUT_MS: Final = 15_000
_HOST: Final = "127.0.0.1"
_READY_S: Final = 60.0
_ENDINGS: Final = ((signal.SIGTERM, 15.0),)


@dataclass(frozen=True, slots=True)
class ClusterMember:
    """One server of the cluster, and its process."""

    port: int
    process: subprocess.Popen[bytes]


@dataclass(frozen=True, slots=True)
class ValkeyCluster:
    """A running cluster. url: names all members. primaries: in the order of their slots, as at the start. replicas: the
    first one of each primary, then the second ones, …"""

    url: str
    password: str
    primaries: Sequence[ClusterMember]
    replicas: Sequence[ClusterMember]

    def primary_of(self, slot: int) -> ClusterMember:
        """The primary that had the slot at the start."""
        return next(self.primaries[i] for i, (_, last) in enumerate(_ranges(len(self.primaries))) if slot <= last)


@contextmanager
def serve_valkey_cluster(
    state: Path, *, durable: bool, replicas: int = 0, node_timeout_ms: int = NODE_TIMEOUT_MS
) -> Iterator[ValkeyCluster]:
    """Runs three primaries on `state`/valkey-cluster for as long as the block lasts; all slots are served when the
    block begins. Every start makes a new, empty cluster.

    durable: each member writes a log to disk, synced once a second. replicas: of each primary; without any, a primary
    that ends takes its slots with it, and the cluster serves nothing. Leave the block in the thread that entered it.
    Raises ServiceFailed, also when another process uses this state.
    """
    state = make_state(state)
    password = secrets.token_urlsafe(24)
    with locked(state / "valkey-cluster.lock") as lock, ExitStack() as stack:
        folder = state / "valkey-cluster"
        if folder.exists():
            shutil.rmtree(folder)  # of the cluster before, whose ports are others
        members = []
        for number in range(PRIMARIES * (1 + replicas)):
            port, bus_port = free_port(), free_port()
            program = _program(folder / str(number), lock, _config(port, bus_port, password, durable, node_timeout_ms))
            process = stack.enter_context(running(program))
            members.append(_Starting(program, ClusterMember(port, process), bus_port))
        _form(members, password)
        servers = [member.member for member in members]
        hosts = ",".join(f"{_HOST}:{server.port}" for server in servers)
        url = f"redis+cluster://:{password}@{hosts}"
        yield ValkeyCluster(url, password, servers[:PRIMARIES], servers[PRIMARIES:])


@asynccontextmanager
async def running_valkey_cluster(
    state: Path, *, durable: bool, replicas: int = 0, node_timeout_ms: int = NODE_TIMEOUT_MS
) -> AsyncIterator[ValkeyCluster]:
    """As `serve_valkey_cluster`, without blocking the loop."""
    served = serve_valkey_cluster(state, durable=durable, replicas=replicas, node_timeout_ms=node_timeout_ms)
    async with in_thread(served) as cluster:
        yield cluster


@dataclass(frozen=True, slots=True)
class _Starting:
    program: Program
    member: ClusterMember
    bus_port: int

    def ask(self, password: str, *command: str | int) -> Any:
        """Raises RedisError."""
        with Redis(host=_HOST, port=self.member.port, password=password, socket_timeout=5, protocol=2) as client:
            return client.execute_command(*command)

    def figures(self, password: str, *command: str) -> dict[str, str]:
        """What CLUSTER INFO or INFO answers. Raises RedisError."""
        with Redis(host=_HOST, port=self.member.port, password=password, socket_timeout=5, protocol=2) as client:
            found = client.execute_command(*command)
        return {str(name): str(value) for name, value in found.items()}


def _program(folder: Path, lock: int, config: Sequence[str]) -> Program:
    """The configuration is a file, because every user may read the list of processes, and it holds the password."""
    folder.mkdir(parents=True)
    path = folder / "valkey.conf"
    path.touch(mode=0o600)
    path.write_text("\n".join(config) + "\n")
    return Program([str(valkey_program()), str(path)], folder, folder / "valkey.log", lock, _ENDINGS)


def _config(port: int, bus_port: int, password: str, durable: bool, node_timeout_ms: int) -> list[str]:
    return [
        f"bind {_HOST}",
        f"port {port}",
        "cluster-enabled yes",
        f"cluster-port {bus_port}",
        "cluster-config-file nodes.conf",
        f"cluster-node-timeout {node_timeout_ms}",
        f"requirepass {password}",
        f"masterauth {password}",
        'save ""',
        f"appendonly {'yes' if durable else 'no'}",
        "maxmemory-policy noeviction",
        "repl-diskless-sync-delay 0",
    ]


def _form(members: Sequence[_Starting], password: str) -> None:
    """Makes one cluster of the servers: slots to the primaries, a primary to each replica."""
    for one in members:
        _until(one, "not ready", lambda one=one: one.ask(password, "PING"))  # type: ignore[misc]
    primaries, replicas = members[:PRIMARIES], members[PRIMARIES:]
    for epoch, (one, (first, last)) in enumerate(zip(primaries, _ranges(len(primaries)), strict=True), 1):
        one.ask(password, "CLUSTER", "ADDSLOTSRANGE", first, last)
        one.ask(password, "CLUSTER", "SET-CONFIG-EPOCH", epoch)
    for one in members[1:]:
        members[0].ask(password, "CLUSTER", "MEET", _HOST, one.member.port, one.bus_port)
    for one in members:
        _until(one, "no cluster", lambda one=one: _is_joined(one, password, len(members)))  # type: ignore[misc]
    ids = [str(primary.ask(password, "CLUSTER", "MYID").decode()) for primary in primaries]
    for number, one in enumerate(replicas):
        one.ask(password, "CLUSTER", "REPLICATE", ids[number % PRIMARIES])
    for one in replicas:
        _until(one, "not replicating", lambda one=one: _is_replicating(one, password))  # type: ignore[misc]


def _is_joined(one: _Starting, password: str, members: int) -> bool:
    info = one.figures(password, "CLUSTER INFO")
    return info["cluster_state"] == "ok" and info["cluster_known_nodes"] == str(members)


def _is_replicating(one: _Starting, password: str) -> bool:
    return one.figures(password, "INFO", "replication").get("master_link_status") == "up"


def _until(one: _Starting, fault: str, check: Callable[[], Any]) -> None:
    """Raises ServiceFailed when the check has not held in time, or the server has ended."""
    deadline = time.monotonic() + _READY_S
    while not _holds(check):
        code = one.member.process.poll()
        if code is not None:
            raise ServiceFailed(f"Valkey ended with code {code}:\n{one.program.tail()}")
        if time.monotonic() > deadline:
            raise ServiceFailed(f"Valkey was {fault} after {_READY_S:g} s:\n{one.program.tail()}")
        time.sleep(0.02)


def _holds(check: Callable[[], Any]) -> bool:
    try:
        return bool(check())
    except (RedisConnectionError, RedisError):
        return False


def _ranges(primaries: int) -> list[tuple[int, int]]:
    """The first and last slot of each primary."""
    edges = [SLOTS * number // primaries for number in range(primaries + 1)]
    return [(first, last - 1) for first, last in pairwise(edges)]
