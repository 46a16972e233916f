"""Runs pg_dump and pg_restore as child processes with streams.

Arguments contain no password, because the list of processes shows them. Errors contain no values of rows.
"""

import asyncio
import hashlib
import os
import re
import shutil
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

from control.backups.rules import BackupFailed
from control.db.migrate import strip_volatile

# Seconds that pg_dump waits for a table locked by a migration. It gives up then, because other queries wait behind it.
_LOCK_WAIT_S: Final = 30
# Document vectors are recreated from the texts, and only a superuser could restore their extension. pg_dump can leave
# out an extension since PostgreSQL 17; with an older pg_dump, the extension is restored if the database had it.
_NO_VECTORS: Final = "--exclude-schema=knowledge_vectors"
_NO_EXTENSION: Final = "--exclude-extension=vector"
_FIRST_THAT_EXCLUDES: Final = 17
_VERSION_S: Final = 10.0
_READ_BYTES: Final = 1 << 20
_MAX_ERROR_CHARACTERS: Final = 300


@asynccontextmanager
async def open_dump(url: str, snapshot: str) -> AsyncIterator[AsyncIterator[bytes]]:
    """Yield a dump in pg_dump's custom format, with rights and without owners.

    The stream raises BackupFailed at its end if pg_dump failed.

    Args:
        snapshot: An exported snapshot, whose transaction lives at least until the first bytes.
    """
    arguments = ["--format=custom", "--no-owner", f"--snapshot={snapshot}", f"--lock-wait-timeout={_LOCK_WAIT_S}s"]
    arguments += await _omissions()
    async with _running("pg_dump", arguments, url) as (process, errors):
        yield _read_output("pg_dump", process, errors)


async def restore(url: str, chunks: AsyncIterator[bytes]) -> None:
    """Restore a dump into an empty database. The user of `url` owns the restored objects.

    Raises BackupFailed and the errors of `chunks`.
    """
    async with _running("pg_restore", ["--no-owner", "--exit-on-error"], url, reads_input=True) as (process, errors):
        await _write_input(process, chunks)
        await process.wait()
        await _require_success("pg_restore", process, errors)


async def hash_schema(url: str, snapshot: str = "") -> str:
    """Return the SHA-256 of the schema as pg_dump writes it: rights, policies and functions, without owners.

    Hashes are comparable only if one version of pg_dump wrote both. Raises BackupFailed.
    """
    arguments = ["--schema-only", "--no-owner", *await _omissions(), *([f"--snapshot={snapshot}"] if snapshot else [])]
    async with _running("pg_dump", arguments, url) as (process, errors):
        text = b"".join([chunk async for chunk in _read_output("pg_dump", process, errors)])
    return hashlib.sha256(strip_volatile(text.decode()).encode()).hexdigest()


async def _omissions() -> list[str]:
    """Return the arguments that make pg_dump omit vectors and their extension. Raises BackupFailed."""
    process = await asyncio.create_subprocess_exec(
        _find("pg_dump"), "--version", stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), _VERSION_S)
    except TimeoutError:
        process.kill()
        raise BackupFailed("pg_dump does not report its version") from None
    version = re.search(rb"\) (\d+)", output)  # Example: pg_dump (PostgreSQL) 18.1 (Debian …)
    excludes = version is not None and int(version[1]) >= _FIRST_THAT_EXCLUDES
    return [_NO_VECTORS, _NO_EXTENSION] if excludes else [_NO_VECTORS]


@asynccontextmanager
async def _running(
    program: str, arguments: Sequence[str], url: str, *, reads_input: bool = False
) -> AsyncIterator[tuple[Process, "asyncio.Task[bytes]"]]:
    """Yield the process and a task that reads its standard error.

    The process is killed if the block ends before it does.
    """
    dbname, environment = _connection(url)
    process = await asyncio.create_subprocess_exec(
        _find(program), *arguments, "--no-password", f"--dbname={dbname}",
        env=environment, limit=_READ_BYTES,
        stdin=PIPE if reads_input else DEVNULL, stdout=DEVNULL if reads_input else PIPE, stderr=PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    errors = asyncio.create_task(process.stderr.read())
    try:
        yield process, errors
    finally:
        if process.returncode is None:
            process.kill()
        # asyncio's wait() returns when the pipes have ended, and a full buffer prevents the output from ending.
        while process.stdout is not None and await process.stdout.read(_READ_BYTES):
            pass
        await process.wait()
        await errors


async def _read_output(program: str, process: Process, errors: "asyncio.Task[bytes]") -> AsyncIterator[bytes]:
    assert process.stdout is not None
    while chunk := await process.stdout.read(_READ_BYTES):
        yield chunk
    await process.wait()
    await _require_success(program, process, errors)


async def _write_input(process: Process, chunks: AsyncIterator[bytes]) -> None:
    assert process.stdin is not None
    async for chunk in chunks:
        try:
            process.stdin.write(chunk)
            await process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            return  # The process has ended; its error states the reason.
    process.stdin.close()


async def _require_success(program: str, process: Process, errors: "asyncio.Task[bytes]") -> None:
    if process.returncode:
        raise BackupFailed(f"{program} failed: {_first_error((await errors).decode(errors='replace'))}")


def _first_error(text: str) -> str:
    """Return the first line that reports an error. Later lines (DETAIL, CONTEXT) contain values of rows."""
    lines = [line for line in text.splitlines() if line.strip()]
    found = next((line for line in lines if "error:" in line), lines[0] if lines else "it printed nothing")
    return re.sub(r"^\w+: (?:error: )?", "", found)[:_MAX_ERROR_CHARACTERS]


def _find(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise BackupFailed(f"{program} is not installed: use the image of Dockerfile.backup, or PostgreSQL's client")
    return found


def _connection(url: str) -> tuple[str, dict[str, str]]:
    """Return the URL without its password, and the environment with the password.

    PostgreSQL's other variables are left out.
    """
    parts = urlsplit(url)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}
    user, at, host = parts.netloc.rpartition("@")
    name, _, password = user.partition(":")
    options = parts.query.split("&")
    stated = [option.removeprefix("password=") for option in options if option.startswith("password=")]
    if password := (stated or [password])[-1]:
        environment["PGPASSWORD"] = unquote(password)
    query = "&".join(option for option in options if not option.startswith("password="))
    return urlunsplit(parts._replace(netloc=f"{name}{at}{host}", query=query)), environment
