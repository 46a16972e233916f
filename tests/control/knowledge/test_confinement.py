"""What a process that reads a document cannot do, on a kernel with Landlock and seccomp. On another one the tests that
need what it lacks are skipped; how the process degrades there is shown on any."""

import ctypes
import json
import os
import platform
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

import pytest

import control
from control.knowledge.confinement import ALL, LANDLOCK, MOST_FILES, SECCOMP
from control.knowledge.parser import DocumentParser
from control.knowledge.rules import KnowledgeLimits

ROOT = Path(control.__file__).parent.parent
# Each line is tried after confinement, and its error's name recorded.
ATTEMPTS = {
    "read": "open({outside!r}).read()",
    "list": "os.listdir({folder!r})",
    "write": "open({folder!r} + '/new', 'w')",
    "remove": "os.remove({outside!r})",
    "settings": "open({settings!r}).read()",
    "connect": "socket.create_connection(('127.0.0.1', 9))",
    "datagram": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
    "local": "socket.socketpair()",
    "fork": "os.fork()",
    "run": "os.execv('/bin/true', ['true'])",
    "thread": "threading.Thread(target=int).start()",
    "signal": "os.kill(os.getppid(), 0)",
    "limits": "resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE)",
    "lift": "resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))",
    "import": "__import__('pypdf').PdfReader and __import__('encodings.cp1006') and "
    "__import__('control.calls.records.word_times')",
    "many": "[os.dup(0) for _ in range(64)]",
    "owner": "os.chown({folder!r}, 1, 1)",
    "own": "os.chown({outside!r}, os.getuid(), os.getgid())",
    "mode": "os.chmod({outside!r}, 0o777)",
    "times": "os.utime({outside!r}, (1, 1))",
    "length": "os.truncate({outside!r}, 0)",
    "attribute": "os.setxattr({outside!r}, 'user.name', b'value')",
}
PROGRAM = """
import json, os, platform, resource, socket, threading
from control.knowledge import confinement
from control.knowledge.confinement import confine
from control.knowledge.parser_process import _readable
{lacks}
held, results = confine(_readable()), {}
for name, line in json.loads(input()).items():
    try:
        exec(line)
        results[name] = ""
    except Exception as error:
        results[name] = type(error).__name__
print(json.dumps([held, results]))
"""


# Those that change nothing where they succeed.
HARMLESS = ("read", "connect", "local", "import")
Attempts = tuple[list[str], dict[str, str]]


def kernel_has() -> list[str]:
    """What of ALL this kernel has, found without the code under test."""
    has_landlock = ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1) >= 1
    has_seccomp = Path("/proc/sys/kernel/seccomp/actions_avail").exists() and platform.machine() in (
        "x86_64",
        "aarch64",
    )
    return [name for name, has in zip(ALL, (has_landlock, has_seccomp), strict=True) if has]


MISSING = [name for name in ALL if name not in kernel_has()]
needs_kernel = pytest.mark.skipif(bool(MISSING), reason=f"this kernel has no {' and no '.join(MISSING)}")


@pytest.fixture(scope="module")
def attempts(tmp_path_factory: pytest.TempPathFactory) -> Attempts:
    """What was held, and the error of each attempt."""
    return try_all(tmp_path_factory)


def try_all(
    tmp_path_factory: pytest.TempPathFactory, lacks: str = "", names: Collection[str] = tuple(ATTEMPTS)
) -> Attempts:
    """lacks: a line that takes something from the kernel. names: of the attempts."""
    folder = tmp_path_factory.mktemp("outside")
    (folder / "secret").write_text("secret")
    places = {"outside": str(folder / "secret"), "folder": str(folder), "settings": str(ROOT / "pyproject.toml")}
    lines = {name: line.format(**places) for name, line in ATTEMPTS.items() if name in names}
    command = [sys.executable, "-c", PROGRAM.replace("{lacks}", lacks)]
    done = subprocess.run(
        command, input=json.dumps(lines), capture_output=True, text=True, cwd=ROOT, timeout=60,
        env={"PATH": os.defpath}, check=True,
    )  # fmt: skip
    held, results = json.loads(done.stdout)
    assert (folder / "secret").read_text() == "secret" and not (folder / "new").exists()
    return held, results


def test_limits_that_the_kernel_supports_are_enforced(attempts: Attempts) -> None:
    assert attempts[0] == kernel_has()


@pytest.mark.parametrize(
    ("lacks", "held", "free", "refused"),
    [
        ("confinement._LANDLOCK_CREATE_RULESET = 100_000", SECCOMP, "read", "connect"),
        ("platform.machine = lambda: 'riscv64'", LANDLOCK, "local", "read"),
    ],
)
@needs_kernel
def test_kernel_without_one_holds_the_other(
    tmp_path_factory: pytest.TempPathFactory, lacks: str, held: str, free: str, refused: str
) -> None:
    holds, results = try_all(tmp_path_factory, lacks, HARMLESS)
    assert holds == [held] and (results[free], results[refused], results["import"]) == ("", "PermissionError", "")


def test_kernel_with_neither_still_reads(tmp_path_factory: pytest.TempPathFactory) -> None:
    holds, results = try_all(tmp_path_factory, "confinement._PR_SET_NO_NEW_PRIVS = 100_000", HARMLESS)
    assert holds == [] and results["import"] == ""


@needs_kernel
@pytest.mark.parametrize("name", [name for name in ATTEMPTS if name not in ("import", "many", "lift", "thread")])
def test_child_has_no_files_network_and_processes(attempts: Attempts, name: str) -> None:
    assert attempts[1][name] == "PermissionError"


@needs_kernel
def test_child_has_few_files_and_no_threads_and_still_imports(attempts: Attempts) -> None:
    results = attempts[1]
    assert (results["many"], results["thread"], results["import"]) == ("OSError", "RuntimeError", "")
    assert results["lift"] in ("ValueError", "PermissionError") and MOST_FILES == 32


@needs_kernel
def test_folder_that_cannot_be_opened_is_left_out(tmp_path_factory: pytest.TempPathFactory) -> None:
    """One of a path of Python's that is gone, or not ours: without it the process still reads, and is confined."""
    lacks = "from pathlib import Path; real = _readable; _readable = lambda: [*real(), Path('/nowhere')]"
    holds, results = try_all(tmp_path_factory, lacks, HARMLESS)
    assert holds == list(ALL) and (results["read"], results["import"]) == ("PermissionError", "")


async def test_parser_reports_once_what_the_kernel_does_not_hold(capsys: pytest.CaptureFixture[str]) -> None:
    answer = '{"pages": null, "sections": [{"text": "a"}], "confined": ["seccomp"]}'
    parser = DocumentParser(command=(sys.executable, "-c", f"print({answer!r})"))
    limits = KnowledgeLimits(documents=1, chunks=1, bytes=100, pages=1, characters=100)
    for _ in range(2):
        assert (await parser.parse(b"a", "text", limits)).sections[0].text == "a"
    assert capsys.readouterr().out.count("document_parser.unconfined") == 1
