"""Object storage in a folder and in S3, and its errors."""

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from shared.storage import ObjectNotFound, Storage, StorageUnavailable, check_storage_url

ROOT = Path(__file__).parents[2]
KEY = "recordings/w/c.wav"


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage((tmp_path / "objects").as_uri())


async def test_object_is_stored_and_read(storage: Storage, tmp_path: Path) -> None:
    await storage.put(KEY, b"RIFF1")
    assert await storage.get(KEY) == b"RIFF1"
    assert await storage.size(KEY) == 5
    assert await storage.read(KEY, 1, 3) == b"IFF"
    file = tmp_path / "long.wav"
    file.write_bytes(b"x" * 600_000)
    await storage.put(KEY, file)
    assert await storage.get(KEY) == b"x" * 600_000
    assert await storage.link(KEY, 60) is None


async def test_missing_object_is_reported(storage: Storage) -> None:
    for ask in (storage.get(KEY), storage.size(KEY), storage.read(KEY, 0, 1)):
        with pytest.raises(ObjectNotFound):
            await ask
    await storage.delete(KEY)


async def test_object_is_deleted(storage: Storage) -> None:
    await storage.put(KEY, b"1")
    await storage.delete(KEY)
    with pytest.raises(ObjectNotFound):
        await storage.get(KEY)


async def test_folder_is_deleted_with_all_that_is_in_it(storage: Storage) -> None:
    for number in range(120):  # more than one page of a list
        await storage.put(f"recordings/a/{number}.wav", b"RIFF")
    await storage.put("recordings/a/deeper/1.wav", b"RIFF")
    for key in ("recordings/ab/1.wav", "recordings/b/1.wav"):
        await storage.put(key, b"RIFF")
    assert await storage.delete_folder("recordings/a") == 121
    assert await storage.list_keys() == ["recordings/ab/1.wav", "recordings/b/1.wav"]
    assert await storage.delete_folder("recordings/a") == 0


# Its first request is made when the process can open nothing more.
FIRST_REQUEST = """
import asyncio, os, resource, sys
from shared.storage import Storage

async def main():
    storage = Storage(sys.argv[1])
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, before[1]))
    try:
        await storage.put("a", b"1")
    except BaseException as error:
        print(type(error).__name__)
    resource.setrlimit(resource.RLIMIT_NOFILE, before)
    await storage.put("a", b"2")
    print((await storage.get("a")).decode())

asyncio.run(main())
"""


def test_storage_recovers_when_its_first_request_found_no_descriptor(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FIRST_REQUEST, (tmp_path / "objects").as_uri()]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert ran.stdout.split() == ["StorageUnavailable", "2"], ran.stderr[-500:]


async def test_key_cannot_leave_the_folder(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    with pytest.raises((ObjectNotFound, StorageUnavailable, ValueError)):
        await storage.get("../secret")


async def test_unwritable_folder_is_storage_unavailable(tmp_path: Path) -> None:
    storage = Storage((tmp_path / "objects").as_uri())
    (tmp_path / "objects" / "recordings").write_text("a file where a folder is wanted")
    with pytest.raises(StorageUnavailable):
        await storage.put(KEY, b"1")


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    yield


@pytest.mark.usefixtures("keys")
async def test_unreachable_s3_is_storage_unavailable() -> None:
    storage = Storage("s3://bucket/calls?endpoint=http://127.0.0.1:9&region=auto", timeout_s=1.0)
    with pytest.raises(StorageUnavailable):
        await storage.get(KEY)


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("more", ["", "&links=false"])
async def test_s3_signs_no_links_by_default(more: str) -> None:
    assert await Storage(f"s3://recordings?endpoint=http://objects:9000&region=us-east-1{more}").link(KEY, 60) is None


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize(
    ("more", "where"),
    [("", "http://127.0.0.1:9"), ("&public_endpoint=https://objects.example.com", "https://objects.example.com")],
)
async def test_s3_signs_links_with_links_true(more: str, where: str) -> None:
    storage = Storage(f"s3://bucket/calls?endpoint=http://127.0.0.1:9&region=auto&links=true{more}", timeout_s=1.0)
    link = await storage.link(KEY, 60)
    assert link is not None and link.startswith(f"{where}/bucket/calls/recordings/w/c.wav?")
    with pytest.raises(StorageUnavailable):  # objects are read from the inner endpoint
        await storage.get(KEY)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://x/y",
        "file://host/folder",
        "file:relative",
        "s3://",
        "s3://bucket?endpoint=http://x&key=1",
        "s3://bucket?links=yes",
    ],
)
def test_invalid_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="must be file"):
        Storage(url)
    with pytest.raises(ValueError, match="must be file"):
        check_storage_url(url)


def test_checking_a_url_creates_nothing(tmp_path: Path) -> None:
    check_storage_url((tmp_path / "objects").as_uri())
    check_storage_url("s3://bucket/prefix?endpoint=http://x&links=true&public_endpoint=https://y")
    assert list(tmp_path.iterdir()) == []


def test_public_endpoint_needs_links() -> None:
    with pytest.raises(ValueError, match="links=true"):
        Storage("s3://bucket?public_endpoint=https://objects.example.com")


async def test_a_stream_is_stored_and_read_as_it_comes(storage: Storage) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for number in range(5):
            yield bytes([number]) * 3_000_000

    await storage.put_stream("b/large", chunks())
    await storage.put("a", b"1")
    assert await storage.list_keys() == ["a", "b/large"]
    read = [chunk async for chunk in storage.stream("b/large")]
    assert len(read) > 1 and b"".join(read) == b"".join(bytes([number]) * 3_000_000 for number in range(5))
    with pytest.raises(ObjectNotFound):
        _ = [chunk async for chunk in storage.stream("c")]


async def test_a_stream_that_fails_leaves_no_object(storage: Storage) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"1" * 100
        raise LookupError("half of it")

    with pytest.raises(LookupError, match="half of it"):
        await storage.put_stream("key", chunks())
    assert await storage.list_keys() == []
