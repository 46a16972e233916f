"""`python -m media` on the bus as a process: killed, drained, with several workers, with wrong settings."""

import asyncio
import base64
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

import pytest
from aiohttp import ClientError, ClientSession

from media.audio.wav import read_wav
from media.command import main
from shared.bus.client import BusClient, bus_client
from shared.bus.events import STREAM as EVENTS
from shared.bus.nodes import NodeRegistry, NodeState
from shared.bus.tickets import Ticket, Tickets
from shared.events import CallEnded, CallerSaid, EventEnvelope, RecordingReady, decode_event
from shared.plan import CallPlan
from tests.media.server.bus.conftest import WORKSPACE, call_plan
from tests.media.server.conftest import PLAN
from tests.media.server.phone import CALL, WAIT_LIMIT_S, Phone
from tests.platform.bus_node import SEALER, envelopes, wait_until
from vocalized.free_port import free_port
from vocalized.services.valkey import running_valkey

ROOT = Path(__file__).parents[4]
KEY = base64.urlsafe_b64encode(bytes(32)).decode()


@pytest.fixture
def valkey_folder() -> Iterator[Path]:
    """A short path, so that Valkey's socket has the same path after every start."""
    folder = Path(mkdtemp(prefix="vocalized-tests-", dir="/tmp"))
    yield folder
    rmtree(folder)


@pytest.fixture
def plan() -> CallPlan:
    return call_plan(PLAN, (b'"recording": false', b'"recording": true'))


def environment(**settings: str) -> Mapping[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("VOCALIZED_")}
    return {**inherited, **{f"VOCALIZED_{name}": value for name, value in settings.items()}}


class MediaProcess:
    """A media server process."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, session: ClientSession) -> None:
        self.process, self._session = process, session
        self.url = f"http://127.0.0.1:{port}"

    async def ready(self) -> bool:
        try:
            async with self._session.get(self.url + "/readyz") as response:
                return response.status == 200
        except ClientError:
            assert self.process.returncode is None, "the server ended before it was ready"
            return False

    async def dial(self, redis: BusClient, plan: CallPlan) -> Phone:
        token = await Tickets(redis, SEALER).issue(Ticket("twilio", CALL, plan))
        return await Phone.dial(self._session, self.url + "/media/twilio", token=token, returns_marks=True)

    async def wait_ended(self) -> int:
        async with asyncio.timeout(WAIT_LIMIT_S):
            return await self.process.wait()


@asynccontextmanager
async def media(redis_url: str, state: Path, *arguments: str, **settings: str) -> AsyncIterator[MediaProcess]:
    """A ready server; killed at the end unless it has exited."""
    port = free_port()
    command = [sys.executable, "-m", "media", "--port", str(port), "--state", str(state), *arguments]
    known = {"REDIS_URL": redis_url, "SECRET_KEYS": KEY, "STORAGE_URL": (state / "objects").as_uri()}
    env = environment(**known, MEDIA_NODE="box", MEDIA_BUS_TIMEOUT_S="1", **settings)
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=env)
    try:
        async with ClientSession() as session:
            server = MediaProcess(process, port, session)
            await wait_until(server.ready)
            yield server
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@asynccontextmanager
async def redis_at(url: str) -> AsyncIterator[BusClient]:
    redis = bus_client(url, 5.0)
    yield redis
    await redis.aclose()


async def wait_for_events(redis: BusClient, kind: type[object], count: int = 1) -> list[EventEnvelope]:
    async def find_events() -> list[EventEnvelope]:
        found = [envelope for envelope in await envelopes(redis) if isinstance(envelope.event, kind)]
        return found if len(found) >= count else []

    return await wait_until(find_events)


async def ask_question(phone: Phone, speech: bytes) -> None:
    await phone.speak(speech)
    await phone.pause(1_500)


async def test_next_process_sends_the_spool_of_a_killed_one(
    valkey_folder: Path, tmp_path: Path, plan: CallPlan, speech: bytes
) -> None:
    """kill -9 during an outage of Redis: events and recording are on disk; the next process sends and stores them."""
    async with running_valkey(valkey_folder, durable=True) as valkey:
        url = valkey.url
        async with redis_at(url) as redis, media(url, tmp_path) as server:
            phone = await server.dial(redis, plan)
            await ask_question(phone, speech)
            await wait_for_events(redis, CallerSaid)
            (before,) = await NodeRegistry(redis).list_alive()
            assert before.node_id.startswith("box-") and before.url == server.url.replace("http", "ws")
            valkey.process.terminate()
            valkey.process.wait()
            await ask_question(phone, speech)
            await wait_until(lambda: has_spooled_turn(tmp_path))
            server.process.kill()
            assert await server.wait_ended() == -signal.SIGKILL
            await phone.wait_for("closed")
    assert not list((tmp_path / "objects").rglob("*.wav"))
    async with running_valkey(valkey_folder, durable=True), redis_at(url) as redis, media(url, tmp_path) as server:
        (ready,) = await wait_for_events(redis, RecordingReady)
        found = await envelopes(redis)
        said = [envelope.seq for envelope in found if isinstance(envelope.event, CallerSaid)]
        assert len(said) == 2
        numbers = [envelope.seq for envelope in found]
        assert numbers == [*range(1, len(found)), 99_000]
        assert isinstance(ready.event, RecordingReady)
        assert ready.event.path == f"recordings/{WORKSPACE}/{plan.call_id}-0.wav"
        wav = read_wav((tmp_path / "objects" / ready.event.path).read_bytes())
        assert abs(wav.seconds * 1000 - ready.event.duration_ms) < 1 and wav.samples.any()
        await wait_until(lambda: has_entries(tmp_path / "spool", 1))
        server.process.terminate()
        assert await server.wait_ended() == 0
    assert list((tmp_path / "spool").iterdir()) == []


async def has_spooled_turn(state: Path) -> bool:
    lines = [line for path in (state / "spool").glob("*/events.jsonl") for line in path.read_bytes().splitlines()]
    return any(isinstance(decode_event(line).event, CallerSaid) for line in lines)


async def has_entries(folder: Path, count: int) -> bool:
    return len(await asyncio.to_thread(os.listdir, folder)) == count


@pytest.fixture
def has_huge_pages() -> bool:
    """Whether a program of this machine gets them."""
    program = "from shared.huge_pages import use_huge_pages; use_huge_pages(); import os; print(os.environ)"
    command = [sys.executable, "-c", program]
    return b"hugetlb=1" in subprocess.run(command, cwd=ROOT, check=True, timeout=60, capture_output=True).stdout


async def test_objects_use_huge_pages_if_available(redis_url: str, tmp_path: Path, has_huge_pages: bool) -> None:
    async with media(redis_url, tmp_path) as server:
        found = await asyncio.to_thread(Path(f"/proc/{server.process.pid}/environ").read_bytes)
    assert (b"hugetlb=1" in found) == has_huge_pages


async def test_drain_is_reported_at_once_and_sends_everything(
    redis_url: str, tmp_path: Path, plan: CallPlan, speech: bytes
) -> None:
    async with redis_at(redis_url) as redis, media(redis_url, tmp_path, MEDIA_HEARTBEAT_S="3") as server:
        phone = await server.dial(redis, plan)
        await ask_question(phone, speech)
        async with phone.sending_silence():
            await wait_for_events(redis, CallerSaid)
            server.process.terminate()

            async def find_draining() -> list[NodeState]:
                return [node for node in await NodeRegistry(redis).list_alive() if node.draining]

            async with asyncio.timeout(2.9):  # less than a heartbeat
                (node,) = await wait_until(find_draining)
            assert node.calls == 1
            assert await NodeRegistry(redis).choose() is None
            assert server.process.returncode is None and not phone.socket.closed
        await phone.hang_up()
        assert await server.wait_ended() == 0
        (ended,) = await wait_for_events(redis, CallEnded)
        assert isinstance(ended.event, CallEnded) and ended.event.end_reason == "caller_hangup"
        assert await NodeRegistry(redis).list_alive() == []
        assert list((tmp_path / "spool").iterdir()) == []


async def test_each_worker_is_a_node(redis_url: str, tmp_path: Path, plan: CallPlan) -> None:
    async with redis_at(redis_url) as redis, media(redis_url, tmp_path, "--workers", "2") as server:

        async def find_two_nodes() -> list[NodeState]:
            found = await NodeRegistry(redis).list_alive()
            return found if len(found) == 2 else []

        nodes = await wait_until(find_two_nodes)
        assert {node.url for node in nodes} == {server.url.replace("http", "ws")}
        phone = await server.dial(redis, plan)
        await phone.pause(40)
        await phone.hang_up()
        await wait_for_events(redis, CallEnded)
        server.process.terminate()
        assert await server.wait_ended() == 0
        assert await NodeRegistry(redis).list_alive() == [] and (await redis.xlen(EVENTS)) >= 2


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({}, ["VOCALIZED_REDIS_URL", "VOCALIZED_MEDIA_PASS"]),
        ({"REDIS_URL": "http://secret@host"}, ["VOCALIZED_REDIS_URL"]),
        ({"REDIS_URL": "redis://h", "SECRET_KEYS": "secret"}, ["VOCALIZED_SECRET_KEYS"]),
        ({"REDIS_URL": "redis://h", "SECRET_KEYS": KEY, "STORAGE_URL": "ftp://secret"}, ["VOCALIZED_STORAGE_URL"]),
        (
            {"REDIS_URL": "redis://h", "SECRET_KEYS": KEY, "MEDIA_REQUIRE_SIGNATURE": "true"},
            ["VOCALIZED_TWILIO_AUTH_TOKENS"],
        ),
    ],
)
def test_invalid_settings_are_named_without_their_secrets(
    settings: dict[str, str], named: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In this process, because nothing is started: a start takes more than a second of a core."""
    for name in [name for name in os.environ if name.startswith("VOCALIZED_")]:
        monkeypatch.delenv(name)
    for name, value in settings.items():
        monkeypatch.setenv(f"VOCALIZED_{name}", value)
    assert main(["--port", "1"]) == 2
    stderr = capsys.readouterr().err
    assert re.findall(r"VOCALIZED_\w+", stderr) == named
    assert "secret" not in stderr and "Traceback" not in stderr
