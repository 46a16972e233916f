"""A server as a child process: readiness, failure, and its end."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.vocalized.processes import linux_only, wait_ended
from vocalized.free_port import free_port
from vocalized.stack.process import ServerFailed, media_command, running_server

SERVER = """
import http.server, signal, subprocess, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/readyz" else 404); self.end_headers()
    def log_message(self, *args): pass
grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open("grandchild", "w").write(str(grandchild.pid))
signal.signal(signal.SIGTERM, lambda *args: (open("stopped", "w").close(), sys.exit(0)))
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def writers(log: Path) -> set[int]:
    """The processes that have a log file open, as a server does from its start on."""
    found = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):  # it ended meanwhile, or belongs to another user
            if Path("/proc", pid, "fd", "1").readlink() == log:
                found.add(int(pid))
    return found


@linux_only
async def test_server_is_ready_within_the_block_and_ends_with_its_children(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-c", SERVER, str(port)]
    async with running_server(command, tmp_path, port, tmp_path / "logs" / "server.log") as process:
        grandchild = int((tmp_path / "grandchild").read_text())
        assert process.returncode is None
        assert process.pid in writers(tmp_path / "logs" / "server.log")
    assert process.returncode == 0
    assert (tmp_path / "stopped").exists()
    assert wait_ended(grandchild)


async def test_server_that_exits_reports_the_end_of_its_log(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; print('no such plan'); sys.exit(2)"]
    with pytest.raises(ServerFailed, match=r"code 2:\nno such plan"):
        async with running_server(command, tmp_path, free_port(), tmp_path / "log"):
            pass


@linux_only
async def test_server_that_is_never_ready_is_stopped(tmp_path: Path) -> None:
    with pytest.raises(ServerFailed, match=r"not ready after 0\.2 s"):
        async with running_server(["sleep", "600"], tmp_path, free_port(), tmp_path / "log", ready_s=0.2):
            pass
    assert writers(tmp_path / "log") == set()


PARENT = """
import asyncio, sys
from pathlib import Path
from vocalized.stack.process import running_server
async def main(folder, port):
    command = [sys.executable, "-c", (folder / "server.py").read_text(), str(port)]
    async with running_server(command, folder, port, folder / "log") as process:
        print(process.pid, flush=True)
        await asyncio.sleep(600)
asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
"""


@linux_only
def test_server_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    (tmp_path / "server.py").write_text(SERVER)
    command = [sys.executable, "-c", PARENT, str(tmp_path), str(free_port())]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
    assert wait_ended(child)
    os.kill(int((tmp_path / "grandchild").read_text()), signal.SIGKILL)
    assert (tmp_path / "stopped").exists()


def test_media_server_command_line(tmp_path: Path) -> None:
    command = media_command(8090, tmp_path / "plan.json", tmp_path)
    assert command[1:4] == ["-m", "media", "--port"]
    assert command[-4:] == ["--plan", str(tmp_path / "plan.json"), "--state", str(tmp_path)]
