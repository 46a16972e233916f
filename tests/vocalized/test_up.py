"""`vocalized up` as a program: its ready line, its end, and starts that go on where an earlier one ended."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from shared.plan import read_plan
from tests.vocalized.services.conftest import temporary_state
from tests.vocalized.services.processes import gone, linux_only
from vocalized.first_accounts import Accounts, SignIn, Wanted, first_accounts

ROOT = Path(__file__).resolve().parents[2]
KEPT = "first-accounts.json"


@contextmanager
def started(state: Path, *flags: str) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "vocalized", "up", "--state", str(state), "--json"]
    command += ["--carrier-port", "0", "--media-port", "0"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VOCALIZED_")}
    with subprocess.Popen(
        [*command, *(flags or ("--control-port", "0"))], cwd=ROOT, env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


def ready_line(process: "subprocess.Popen[str]") -> dict[str, Any]:
    assert process.stdout and process.stderr
    line = process.stdout.readline()
    assert line, process.stderr.read()
    told: dict[str, Any] = json.loads(line)
    return told


def descendants(pid: int) -> set[int]:
    children = {
        int(child) for note in Path(f"/proc/{pid}/task").glob("*/children") for child in note.read_text().split()
    }
    return children.union(*(descendants(child) for child in children))


async def sign_in(told: dict[str, Any], who: str) -> dict[str, Any]:
    path = {"user": "/auth/login", "admin": "/admin/auth/login"}[who]
    async with aiohttp.ClientSession() as session, session.post(told["control"] + path, json=told[who]) as response:
        assert response.status == 200, await response.text()
        answer: dict[str, Any] = await response.json()
        return answer


async def agent_name(told: dict[str, Any], token: str) -> str:
    url = f"{told['control']}/workspaces/{told['workspace_id']}/agents/{told['agent_id']}"
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(headers=headers) as session, session.get(url) as response:
        assert response.status == 200, await response.text()
        name: str = (await response.json())["agent"]["name"]
        return name


def broken_off(state: Path) -> None:
    """A first start that is killed while it waits for a mail, which cannot be written; nothing of it is left then."""
    obstacle = state / "mail"
    obstacle.touch()
    with started(state) as process:
        deadline = time.monotonic() + 60
        while "/auth/login" not in _log(state / "api.log"):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        family = descendants(process.pid)
        process.kill()
        assert all(gone(number) for number in family)
    obstacle.unlink()


@linux_only
async def test_a_platform_is_made_kept_and_ended_in_order() -> None:
    with temporary_state() as state:
        broken_off(state)
        kept = json.loads((state / KEPT).read_text())
        with started(state) as process:
            told = ready_line(process)
            assert told.keys() == {
                "control", "media", "carrier", "admin", "user", "workspace_id", "agent_id", "number", "telnyx_number",
                "media_nodes",
            }  # fmt: skip
            assert (told["admin"], told["user"]) == (kept["admin"], kept["user"])
            user, admin = await sign_in(told, "user"), await sign_in(told, "admin")
            assert user["user"]["is_verified"] and admin["admin"]["role"] == "super_admin"
            assert await agent_name(told, user["token"]) == "Front desk"
            family = descendants(process.pid)
            assert len(family) >= 4
            process.send_signal(signal.SIGTERM)
            output, errors = process.communicate(timeout=60)
            assert (process.returncode, output, errors) == (0, "", "")
        assert all(gone(number) for number in family)
        assert {(state / name).stat().st_mode & 0o777 for name in (KEPT, "secret-keys")} == {0o600}

        with started(state) as process:
            again = ready_line(process)
            assert without_addresses(again) == without_addresses(told)
            assert await agent_name(again, (await sign_in(again, "user"))["token"]) == "Front desk"
            valkey = next(number for number in descendants(process.pid) if b"valkey" in _command(number))
            os.kill(valkey, signal.SIGKILL)
            _, errors = process.communicate(timeout=60)
            assert process.returncode == 1
            assert errors == f"vocalized up: valkey ended by itself; see valkey.log in {state}\n"


def without_addresses(told: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if name not in ("control", "media", "carrier", "media_nodes")}


def _log(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _command(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


async def test_accounts_once_made_are_left_alone(tmp_path: Path) -> None:
    """Whatever became of their passwords, nobody is asked: there is no API here, and no database."""
    made = Accounts(SignIn("a@example.com", "one"), SignIn("b@example.com", "two"), "workspace", "agent")
    (tmp_path / KEPT).write_bytes(msgspec.json.encode(made))
    wanted = Wanted(
        "http://127.0.0.1:1",
        "postgresql://nobody@127.0.0.1:1/none",
        None,
        (),
        read_plan(ROOT / "config" / "plans" / "local.json"),
    )
    assert await first_accounts(tmp_path, wanted) == made


def test_a_port_that_is_taken_is_said_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with started(tmp_path, "--control-port", str(port)) as process:
            output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (1, "")
    assert errors == f"vocalized up: port {port} cannot be used: Address already in use; --control-port takes another\n"
    assert not list(tmp_path.iterdir())
