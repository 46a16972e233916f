"""Reads documents in a child process, which is ended if it takes too long or writes too much."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import structlog

import control
from control.knowledge.confinement import ALL
from control.knowledge.rules import FAILURES, DocumentFormat, DocumentSection, KnowledgeLimits

# Six times the child's CPU time limit (parser_process.CPU_S). The CPU limit ends the child first unless the machine is
# very busy, when a valid document must not be refused.
WALL_S: Final = 120.0
_ROOT: Final = Path(control.__file__).parent.parent
# Bytes of the child's output per character of a document: JSON names, headings, pages, and escapes of up to six
# characters.
_BYTES_PER_CHARACTER: Final = 8
_PIECE: Final = 65_536
# Exit status of Python after an exception.
_PYTHON_ERROR: Final = 1
log = structlog.get_logger()


class DocumentRefused(Exception):
    """A document cannot be read, and a retry would fail as well.

    Args:
        code: A key of FAILURES.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """The text of a document in non-empty sections.

    Attributes:
        pages: Number of pages of a PDF. None for other formats.
    """

    sections: list[DocumentSection]
    pages: int | None


class _ParserAnswer(msgspec.Struct, frozen=True):
    sections: list[DocumentSection] = []
    pages: int | None = None
    failure: str = ""
    confined: list[str] = []


class DocumentParser:
    """Parses documents in a child process.

    Args:
        wall_s: Time limit per document in seconds.
        command: Command of the child process, for tests.
    """

    def __init__(
        self,
        *,
        wall_s: float = WALL_S,
        command: tuple[str, ...] = (sys.executable, "-m", "control.knowledge.parser_process"),
    ) -> None:
        self._wall_s, self._command = wall_s, command
        self._is_reported = False

    async def parse(self, data: bytes, kind: DocumentFormat, limits: KnowledgeLimits) -> ParsedDocument:
        """Parse a document. Raises DocumentRefused."""
        arguments = (kind, str(limits.pages), str(limits.characters))
        output, status = await self._run(data, arguments, limits.characters)
        try:
            answer = msgspec.json.decode(output, type=_ParserAnswer)
        except msgspec.DecodeError:  # the child was ended by its limits or by an error of the libraries
            raise DocumentRefused("unreadable" if status == _PYTHON_ERROR else "too_costly") from None
        self._report(answer.confined)
        if answer.failure:
            raise DocumentRefused(answer.failure if answer.failure in FAILURES else "unreadable")
        return ParsedDocument(answer.sections, answer.pages)

    def _report(self, confined: Sequence[str]) -> None:
        """Log once which confinements the kernel does not support.

        The report is not trusted: a document that took over the child may report anything, but gains nothing from it.
        """
        missing = [name for name in ALL if name not in confined]
        if missing and not self._is_reported:
            log.warning("document_parser.unconfined", missing=missing)
            self._is_reported = True

    async def _run(self, data: bytes, arguments: tuple[str, ...], characters: int) -> tuple[bytes, int]:
        """Run the child. Return its output and its exit status."""
        process = await asyncio.create_subprocess_exec(
            *self._command, *arguments, stdin=PIPE, stdout=PIPE, stderr=asyncio.subprocess.DEVNULL,
            cwd=_ROOT, env=_environment(), start_new_session=True,
        )  # fmt: skip
        try:
            async with asyncio.timeout(self._wall_s):
                async with asyncio.TaskGroup() as group:
                    group.create_task(_write(process, data))
                    reading = group.create_task(_read(process, characters * _BYTES_PER_CHARACTER + _PIECE))
                # Wait instead of killing the child at the end of its output, because killing an ended process loses its
                # status.
                return reading.result(), await process.wait()
        except TimeoutError:
            raise DocumentRefused("too_costly") from None
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


def _environment() -> dict[str, str]:
    """Return the child's environment, which contains none of our keys or addresses."""
    return {"PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"}


async def _write(process: Process, data: bytes) -> None:
    assert process.stdin is not None
    try:
        process.stdin.write(data)
        await process.stdin.drain()
        process.stdin.close()
    except (BrokenPipeError, ConnectionResetError):
        """The process ended before it had read everything; its output holds the reason."""


async def _read(process: Process, most: int) -> bytes:
    """Return up to `most` bytes. Longer output is truncated and is then not valid JSON."""
    assert process.stdout is not None
    output = bytearray()
    while len(output) < most and (piece := await process.stdout.read(_PIECE)):
        output += piece
    if len(output) >= most and process.returncode is None:
        process.kill()
    return bytes(output)
