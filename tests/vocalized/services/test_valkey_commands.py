"""Each command that Valkey knows, sent as each of the programs' users to a real Valkey: which ones it permits."""

import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from redis import Redis

from vocalized.services.valkey import serve_valkey
from vocalized.services.valkey_users import RULES

PASSWORDS = {name: f"password-of-{name}" for name in RULES}
# A key that each of the users may read and write.
KEY = "vocalized:ticket:{t}"
MEDIA = {
    *("get", "set", "del", "exists", "expire", "pexpire", "hget", "hset", "hdel", "hlen", "hgetall", "smembers"),
    *("xadd", "xtrim", "xlen", "xread", "xdel", "fcall", "time", "cluster|slots"),
    *("auth", "hello", "ping", "echo", "quit", "reset", "select", "readonly", "readwrite", "asking"),
    *("client|setname", "client|setinfo", "client|id"),
    "exec",  # without MULTI Valkey refuses it for another reason
}
# Ways to stop, read or change more than keys; scripts of control's own are no such way.
OUT_OF_REACH = {
    *("acl", "bgrewriteaof", "bgsave", "client|kill", "client|list", "client|no-evict", "client|pause", "client|reply"),
    *("client|tracking", "config", "debug", "failover", "flushall", "flushdb", "info", "keys", "latency", "migrate"),
    *("module", "monitor", "move", "psync", "publish", "randomkey", "rename", "replicaof", "restore", "role", "save"),
    *("scan", "shutdown", "slowlog", "sort", "subscribe", "psubscribe", "swapdb", "sync", "copy", "dump", "object"),
    *("cluster|reset", "cluster|forget", "cluster|failover"),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve_valkey(tmp_path_factory.mktemp("valkey"), durable=False, passwords=PASSWORDS) as valkey:
        yield unquote(urlsplit(valkey.url).path)


@pytest.fixture(scope="module")
def arities(server: str) -> dict[str, int]:
    """Each command and subcommand ("client|kill"), and the least number of words that it takes."""
    with Redis(unix_socket_path=server, username="worker", password=PASSWORDS["worker"], protocol=2) as client:
        found: Any = client.connection_pool.get_connection()
        found.send_command("COMMAND")
        commands = found.read_response()
    return {name: words for command in commands for name, words in _names(command)}


def _names(command: list[Any]) -> Iterator[tuple[str, int]]:
    subcommands = command[9]
    if not subcommands:
        yield command[0].decode(), abs(command[1])
    for subcommand in subcommands:
        yield from _names(subcommand)


@pytest.fixture(scope="module", params=sorted(RULES))
def permitted(request: pytest.FixtureRequest, server: str, arities: dict[str, int]) -> tuple[str, set[str]]:
    """A user, and the commands that Valkey did not refuse it."""
    program = request.param
    return program, {name for name, words in arities.items() if not _is_refused(server, program, name, words)}


def _is_refused(path: str, program: str, name: str, words: int) -> bool:
    """Each command has a connection of its own: some end theirs."""
    sent = [word.encode() for word in name.split("|")]
    sent += [KEY.encode()] * (words - len(sent))
    with socket.socket(socket.AF_UNIX) as client, client.makefile("rb") as answers:
        client.settimeout(30)
        client.connect(path)
        client.sendall(_encode([b"AUTH", program.encode(), PASSWORDS[program].encode()]))
        assert answers.readline() == b"+OK\r\n"
        client.sendall(_encode(sent))
        answer = answers.readline()
        return answer.startswith(b"-NOPERM") or b"command not allowed" in answer  # DEBUG and MODULE, by their settings


def _encode(words: list[bytes]) -> bytes:
    return b"".join([b"*%d\r\n" % len(words), *(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)])


def test_each_user_may_use_its_commands_only(permitted: tuple[str, set[str]], arities: dict[str, int]) -> None:
    program, allowed = permitted
    assert len(arities) > 300
    reached = {name for name in allowed if name in OUT_OF_REACH or name.partition("|")[0] in OUT_OF_REACH}
    assert not reached
    if program == "media":
        assert {name for name in allowed if not name.startswith("command")} == MEDIA
    else:
        assert {"evalsha", "fcall", "function|load", "script|kill", "function|kill", "multi", "xreadgroup"} <= allowed
