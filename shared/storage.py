"""Objects (recordings) in a folder or in S3-compatible storage, behind one URL:

file:///var/lib/vocalized/objects
s3://bucket/prefix?endpoint=https://…&region=auto     keys from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY

With links=true, storage signs links with which browsers fetch objects directly. The links use the storage's endpoint,
or public_endpoint=https://… if the endpoint is a name of an internal network.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore, MemoryStore, S3Store

if TYPE_CHECKING:
    from obstore.store import S3Config

_OPTIONS: Final = frozenset({"endpoint", "region", "virtual_hosted", "links", "public_endpoint"})
_PART_BYTES: Final = 32 * 1024 * 1024
_PARTS_AT_ONCE: Final = 2
_STREAM_BYTES: Final = 4 * 1024 * 1024
_FORM: Final = "must be file:///folder or s3://bucket/prefix?endpoint=…&region=…&links=true"


class StorageUnavailable(Exception):
    """Storage cannot be reached, or refused the request. The message contains neither keys nor names."""


class ObjectNotFound(Exception):
    """There is no object under this key."""


class Storage:
    """Stores objects. Keys are paths such as `recordings/<workspace>/<call>.wav`. All methods raise
    StorageUnavailable."""

    def __init__(self, url: str, *, timeout_s: float = 30.0) -> None:
        """Open the storage. Raises ValueError for a URL that is neither file:// nor s3://."""
        self._store, self._signer = _open(url, timeout_s)
        _start_threads()

    async def put(self, key: str, source: bytes | Path) -> None:
        """Write or replace an object. Large files are sent in parts."""
        async with _map_storage_error():
            await obstore.put_async(self._store, key, source)

    async def get(self, key: str) -> bytes:
        """Return the whole object. Raises ObjectNotFound."""
        async with _map_storage_error():
            return bytes(await (await obstore.get_async(self._store, key)).bytes_async())

    async def size(self, key: str) -> int:
        """Return the object's size in bytes. Raises ObjectNotFound."""
        async with _map_storage_error():
            return int((await obstore.head_async(self._store, key))["size"])

    async def read(self, key: str, start: int, length: int) -> bytes:
        """Return `length` bytes of an object from `start` on. Raises ObjectNotFound."""
        async with _map_storage_error():
            return bytes(await obstore.get_range_async(self._store, key, start=start, length=length))

    async def put_stream(self, key: str, chunks: AsyncIterator[bytes]) -> None:
        """Write an object from a stream, in parts of 32 MiB. The limit is 320 GB, because S3 accepts 10,000 parts.

        If `chunks` raises, no object is created, and the error is raised here.
        """
        # put_async(chunks) is not used, because it may wait forever if storage fails while it waits for the next chunk.
        async with _map_storage_error():
            writer = obstore.open_writer_async(
                self._store, key, buffer_size=_PART_BYTES, max_concurrency=_PARTS_AT_ONCE
            )
        async for chunk in chunks:
            async with _map_storage_error():
                await writer.write(chunk)
        async with _map_storage_error():
            await writer.close()

    async def stream(self, key: str) -> AsyncIterator[bytes]:
        """Yield the object's bytes in pieces of at least 4 MiB. Raises ObjectNotFound."""
        async with _map_storage_error():
            found = await obstore.get_async(self._store, key)
            async for chunk in found.stream(min_chunk_size=_STREAM_BYTES):
                yield bytes(chunk)

    async def list_keys(self) -> list[str]:
        """Return the keys of all objects, in order."""
        async with _map_storage_error():
            return sorted(item["path"] for page in [page async for page in obstore.list(self._store)] for item in page)

    async def delete_folder(self, folder: str) -> int:
        """Delete all objects whose keys begin with `folder/`, page by page. Return their number."""
        deleted = 0
        async with _map_storage_error():
            async for page in obstore.list(self._store, prefix=folder):
                keys = [item["path"] for item in page]
                await obstore.delete_async(self._store, keys)
                deleted += len(keys)
        return deleted

    async def delete(self, key: str) -> None:
        """Delete an object if it exists."""
        try:
            async with _map_storage_error():
                await obstore.delete_async(self._store, key)
        except ObjectNotFound:
            pass

    async def link(self, key: str, seconds: int) -> str | None:
        """Return a signed URL that is valid for `seconds`.

        Returns None for a folder, and for S3 without links=true, because a browser may not be able to resolve the
        endpoint.
        """
        if self._signer is None:
            return None
        async with _map_storage_error():
            return str(await obstore.sign_async(self._signer, "GET", key, timedelta(seconds=seconds)))


@asynccontextmanager
async def _map_storage_error() -> AsyncIterator[None]:
    try:
        yield
    except (NotFoundError, FileNotFoundError):
        raise ObjectNotFound from None
    except (BaseError, OSError, TimeoutError) as error:
        raise StorageUnavailable(type(error).__name__) from None


def _start_threads() -> None:
    """Make obstore start the threads that all stores of the process share.

    Otherwise the first request starts them. If no descriptor or memory is left at that time, this request and all later
    ones raise PanicException (a poisoned OnceLock).
    """
    obstore.put(MemoryStore(), "started", b"")


def check_storage_url(url: str) -> None:
    """Raise ValueError for a URL that is not a storage URL. Opens nothing and creates no folder."""
    parts = urlsplit(url)
    if _is_folder(parts):
        return
    options = dict(parse_qsl(parts.query))
    links = options.get("links", "false")
    if parts.scheme != "s3" or not parts.netloc or options.keys() - _OPTIONS or links not in ("true", "false"):
        raise ValueError(_FORM)
    if links == "false" and options.get("public_endpoint"):
        raise ValueError("public_endpoint is for links: links=true is missing")


def _is_folder(parts: SplitResult) -> bool:
    return parts.scheme == "file" and parts.path.startswith("/") and not parts.netloc


def _open(url: str, timeout_s: float) -> tuple[LocalStore | S3Store, S3Store | None]:
    """Return the store, and the store that signs links, if any."""
    check_storage_url(url)
    parts = urlsplit(url)
    if _is_folder(parts):
        return LocalStore(unquote(parts.path), mkdir=True, automatic_cleanup=False), None
    options = dict(parse_qsl(parts.query))
    store = _s3(parts, options, options.get("endpoint", ""), timeout_s)
    if options.get("links", "false") == "false":
        return store, None
    public = options.get("public_endpoint", "")
    return store, _s3(parts, options, public, timeout_s) if public else store


def _s3(parts: SplitResult, options: Mapping[str, str], endpoint: str, timeout_s: float) -> S3Store:
    config: S3Config = {"endpoint": endpoint} if endpoint else {}
    return S3Store(
        parts.netloc,
        prefix=parts.path.strip("/") or None,
        region=options.get("region", "auto"),
        virtual_hosted_style_request=options.get("virtual_hosted") == "true",
        client_options={"allow_http": endpoint.startswith("http:"), "timeout": f"{timeout_s:g}s"},
        retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=timeout_s)},
        config=config,
    )
