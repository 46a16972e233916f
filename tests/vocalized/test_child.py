"""A server as a child: ready, failed, and never left behind."""

import os
import select
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from vocalized.child import ServerFailed, free_port, media_command, running_server

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


linux_only = pytest.mark.skipif(sys.platform != "linux", reason="uses the kernel's process descriptors")


def gone(pid: int) -> bool:
    """Waits for a process to end; 30 s is for ever."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], 30)[0])
    finally:
        os.close(descriptor)


def writers(log: Path) -> set[int]:
    """The processes that print into a log: a server does from its first moment on, whatever it has done yet."""
    found = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):  # it went away meanwhile, or is not ours
            if Path("/proc", pid, "fd", "1").readlink() == log:
                found.add(int(pid))
    return found


@linux_only
async def test_a_server_is_ready_within_the_block_and_gone_after_it_with_its_children(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-c", SERVER, str(port)]
    async with running_server(command, tmp_path, port, tmp_path / "logs" / "server.log") as process:
        grandchild = int((tmp_path / "grandchild").read_text())
        assert process.returncode is None
        assert process.pid in writers(tmp_path / "logs" / "server.log")
    assert process.returncode == 0
    assert (tmp_path / "stopped").exists()
    assert gone(grandchild)


async def test_a_server_that_ends_at_once_is_told_of_with_its_last_words(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; print('no such plan'); sys.exit(2)"]
    with pytest.raises(ServerFailed, match=r"code 2:\nno such plan"):
        async with running_server(command, tmp_path, free_port(), tmp_path / "log"):
            pass


@linux_only
async def test_a_server_that_never_gets_ready_is_stopped(tmp_path: Path) -> None:
    with pytest.raises(ServerFailed, match=r"not ready after 0\.2 s"):
        async with running_server(["sleep", "600"], tmp_path, free_port(), tmp_path / "log", ready_s=0.2):
            pass
    assert writers(tmp_path / "log") == set()


PARENT = """
import asyncio, sys
from pathlib import Path
from vocalized.child import running_server
async def main(folder, port):
    command = [sys.executable, "-c", (folder / "server.py").read_text(), str(port)]
    async with running_server(command, folder, port, folder / "log") as process:
        print(process.pid, flush=True)
        await asyncio.sleep(600)
asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
"""


@linux_only
def test_a_server_does_not_outlive_a_parent_that_is_killed(tmp_path: Path) -> None:
    (tmp_path / "server.py").write_text(SERVER)
    command = [sys.executable, "-c", PARENT, str(tmp_path), str(free_port())]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
    assert gone(child)
    os.kill(int((tmp_path / "grandchild").read_text()), signal.SIGKILL)
    assert (tmp_path / "stopped").exists()


def test_the_media_servers_command_line(tmp_path: Path) -> None:
    command = media_command(8090, tmp_path / "plan.json", tmp_path)
    assert command[1:4] == ["-m", "media", "--port"]
    assert command[-4:] == ["--plan", str(tmp_path / "plan.json"), "--state", str(tmp_path)]
