"""What a process that reads a document cannot do, on a kernel with Landlock and seccomp."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import control
from control.knowledge.confinement import ALL, MOST_FILES
from control.knowledge.model import KnowledgeLimits
from control.knowledge.parser import DocumentParser

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
    "import": "__import__('pypdf').PdfReader and __import__('encodings.cp1006') and __import__('control.calls.turns')",
    "many": "[os.dup(0) for _ in range(64)]",
    "owner": "os.chown({folder!r}, 1, 1)",
}
PROGRAM = """
import json, os, resource, socket, threading
from control.knowledge.confinement import confine
from control.knowledge.parser_process import _readable
held, results = confine(_readable()), {}
for name, line in json.loads(input()).items():
    try:
        exec(line)
        results[name] = ""
    except Exception as error:
        results[name] = type(error).__name__
print(json.dumps([held, results]))
"""


@pytest.fixture(scope="module")
def attempts(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], dict[str, str]]:
    """What was held, and the error of each attempt."""
    folder = tmp_path_factory.mktemp("outside")
    (folder / "secret").write_text("secret")
    places = {"outside": str(folder / "secret"), "folder": str(folder), "settings": str(ROOT / "pyproject.toml")}
    lines = {name: line.format(**places) for name, line in ATTEMPTS.items()}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], input=json.dumps(lines), capture_output=True, text=True, cwd=ROOT, timeout=60,
        env={"PATH": os.defpath}, check=True,
    )  # fmt: skip
    held, results = json.loads(done.stdout)
    assert (folder / "secret").read_text() == "secret" and not (folder / "new").exists()
    return held, results


def test_kernel_holds_both(attempts: tuple[list[str], dict[str, str]]) -> None:
    assert attempts[0] == list(ALL)


@pytest.mark.parametrize("name", [name for name in ATTEMPTS if name not in ("import", "many", "lift", "thread")])
def test_child_has_no_files_network_and_processes(attempts: tuple[list[str], dict[str, str]], name: str) -> None:
    assert attempts[1][name] == "PermissionError"


def test_child_has_few_files_and_no_threads_and_still_imports(attempts: tuple[list[str], dict[str, str]]) -> None:
    results = attempts[1]
    assert (results["many"], results["thread"], results["import"]) == ("OSError", "RuntimeError", "")
    assert results["lift"] in ("ValueError", "PermissionError") and MOST_FILES == 32


async def test_parser_reports_once_what_the_kernel_does_not_hold(capsys: pytest.CaptureFixture[str]) -> None:
    answer = '{"pages": null, "sections": [{"text": "a"}], "confined": ["seccomp"]}'
    parser = DocumentParser(command=(sys.executable, "-c", f"print({answer!r})"))
    limits = KnowledgeLimits(documents=1, chunks=1, bytes=100, pages=1, characters=100)
    for _ in range(2):
        assert (await parser.parse(b"a", "text", limits)).sections[0].text == "a"
    assert capsys.readouterr().out.count("document_parser.unconfined") == 1
