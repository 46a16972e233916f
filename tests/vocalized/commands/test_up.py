"""`vocalized up` as a program: its ready line, its shutdown, and a start that continues an interrupted one."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from rich.console import Console

from shared.plan import read_plan
from tests.vocalized.conftest import temporary_state
from tests.vocalized.processes import linux_only, wait_ended
from tests.vocalized.stack.test_addresses import ADDRESSES
from vocalized.commands.up import announce
from vocalized.commands.vendors import FaultOptions, set_fault
from vocalized.stack.accounts import Accounts, AccountsRequest, ensure_accounts
from vocalized.stack.addresses import Credentials
from vocalized.stack.api_client import ApiClient

ROOT = Path(__file__).resolve().parents[3]
ACCOUNTS_FILE = "first-accounts.json"
MOST_CALLS = 3


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
    addresses: dict[str, Any] = json.loads(line)
    return addresses


def descendants(pid: int) -> set[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    children = {int(child) for children_file in tasks for child in _read(children_file).split()}
    return children.union(*(descendants(child) for child in children))


async def sign_in(addresses: dict[str, Any], account: str) -> dict[str, Any]:
    path = {"user": "/auth/login", "admin": "/admin/auth/login"}[account]
    async with (
        aiohttp.ClientSession() as session,
        session.post(addresses["control"] + path, json=addresses[account]) as response,
    ):
        assert response.status == 200, await response.text()
        answer: dict[str, Any] = await response.json()
        return answer


async def agent_name(addresses: dict[str, Any], token: str) -> str:
    url = f"{addresses['control']}/workspaces/{addresses['workspace_id']}/agents/{addresses['agent_id']}"
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(headers=headers) as session, session.get(url) as response:
        assert response.status == 200, await response.text()
        name: str = (await response.json())["agent"]["name"]
        return name


def interrupt_first_start(state: Path) -> None:
    """Kills a first start while it makes its first accounts; all its processes end."""
    with started(state) as process:
        deadline = time.monotonic() + 60
        while "/auth/login" not in _log(state / "api.log"):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        family = descendants(process.pid)
        process.kill()
        assert all(wait_ended(number) for number in family)


@linux_only
async def test_platform_starts_stores_its_state_and_stops() -> None:
    with temporary_state() as state:
        interrupt_first_start(state)
        stored_accounts = json.loads((state / ACCOUNTS_FILE).read_text())
        with started(state, "--control-port", "0", "--simulated-stripe") as process:
            addresses = ready_line(process)
            assert addresses.keys() == {
                "control", "media", "carrier", "admin", "user", "workspace_id", "agent_id", "number", "telnyx_number",
                "media_nodes", "rule_based", "stripe", "integrations",
            }  # fmt: skip
            assert (addresses["admin"], addresses["user"]) == (stored_accounts["admin"], stored_accounts["user"])
            user, admin = await sign_in(addresses, "user"), await sign_in(addresses, "admin")
            assert user["user"]["is_verified"] and admin["admin"]["role"] == "super_admin"
            assert await agent_name(addresses, user["token"]) == "Front desk"
            await adds_a_card_as_documented(state)
            family = descendants(process.pid)
            assert len(family) >= 4
            process.send_signal(signal.SIGTERM)
            output, errors = process.communicate(timeout=60)
            assert (process.returncode, output, errors) == (0, "", "")
        assert all(wait_ended(number) for number in family)
        assert {(state / name).stat().st_mode & 0o777 for name in (ACCOUNTS_FILE, "vault-keys")} == {0o600}
        assert {"media-1", "carrier", "api.log", "network.json"} <= {path.name for path in state.iterdir()}
        assert readable_by_others(state) == []

        with started(state, "--control-port", "0", "--simulated-vendors") as process:
            restarted = ready_line(process)
            changed = ("agent_id", "number", "rule_based", "stripe")
            assert without(restarted, *changed) == without(addresses, *changed)
            assert [restarted[name] == addresses[name] for name in changed] == [False] * 4
            token = (await sign_in(restarted, "user"))["token"]
            assert await agent_name(restarted, token) == "Front desk (simulated vendors)"
            await asyncio.to_thread(set_fault, state, FaultOptions("llm", "no_credit"))
            call_id = await own_agent_calls(state, restarted["number"])
            await simulated_vendors_are_paid(restarted, call_id)
            second_start_is_refused(state, restarted)
            for name, command in (
                ("worker", b"\0control\0worker\0"),
                ("valkey", b"/valkey-server"),
                ("postgres", b"/postgres\0-D\0"),
            ):
                kill_until_it_runs_again(process, name, command, state)
            assert await signed_in_within(restarted, 20.0)
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=60)
            assert (process.returncode, output, errors) == (0, "", "")


async def adds_a_card_as_documented(state: Path) -> None:
    """Runs step 2 of docs/run/stripe.md: the key is the user name of Basic, as curl's -u sends it."""
    lines = (await run_command("env", "--state", str(state))).splitlines()
    names = dict(line.split("=", 1) for line in lines)
    assert names.keys() == {"API", "WORKSPACE", "AGENT", "NUMBER", "STRIPE", "STRIPE_KEY", "TOKEN", "ADMIN_TOKEN"}
    async with aiohttp.ClientSession() as session:
        api = ApiClient(session, names["API"])
        api.token = names["TOKEN"]
        billing = f"/workspaces/{names['WORKSPACE']}/billing"
        setup = (await api.request("POST", f"{billing}/payment-method/setup"))["setup_intent_id"]
        user = f"{names['STRIPE_KEY']}:"
        basic = {"Authorization": f"Basic {b64encode(user.encode()).decode()}"}
        url = f"{names['STRIPE']}/v1/setup_intents/{setup}/confirm"
        async with session.post(url, headers=basic, data={"payment_method": "pm_card_visa"}) as confirmed:
            assert confirmed.status == 200, await confirmed.text()
            method = (await confirmed.json())["payment_method"]
        await api.request("POST", f"{billing}/payment-method", {"stripe_payment_method_id": method})


def second_start_is_refused(state: Path, running: dict[str, Any]) -> None:
    with started(state, "--control-port", running["control"].rpartition(":")[2]) as second:
        _, errors = second.communicate(timeout=60)
    assert second.returncode == 1
    assert "Address already in use" in errors and f"a platform runs on {state} already: stop that one first" in errors


def kill_until_it_runs_again(process: "subprocess.Popen[str]", name: str, command: bytes, state: Path) -> None:
    """A store that dies is started again as programs are, and ends none of those that use it."""
    assert process.stderr is not None
    os.kill(child(process, command), signal.SIGKILL)
    assert process.stderr.readline() == (
        f"vocalized up: {name} ended by itself with code -9; it is started again in 0.5 s; see {state}/{name}.log\n"
    )
    assert process.stderr.readline() == f"vocalized up: {name} runs again\n"


async def signed_in_within(addresses: dict[str, Any], limit_s: float) -> bool:
    """Whether the API signs the customer in: it drops its broken connections to the database first."""
    async with aiohttp.ClientSession() as session, asyncio.timeout(limit_s):
        while True:
            async with session.post(f"{addresses['control']}/auth/login", json=addresses["user"]) as response:
                if response.status == 200:
                    return True
                assert response.status == 503, await response.text()
            await asyncio.sleep(0.5)


def readable_by_others(state: Path) -> list[Path]:
    """Files that another user may open, and folders whose names they may list."""
    return [path for path in state.rglob("*") if not path.is_symlink() and path.stat().st_mode & 0o066]


async def own_agent_calls(state: Path, taken: str) -> str:
    """An agent made by one command answers a number of its own, and calls a phone that another command answers; returns
    the call's id."""
    made = [await vocalized("agent", "Mine", "--prompt", "Be brief.", "--json", "--state", str(state)) for _ in "12"]
    assert made[0] == made[1] and made[0]["number"] != taken
    turns = ("--agent", "Mine", "--say", "Hello there.")
    # The phone waits 4 s for a greeting, then speaks: on a machine that does much else that can be over the greeting.
    for _ in range(MOST_CALLS):
        answered = await vocalized("answer", "+16465550123", *turns, "--json", "--state", str(state))
        assert answered["status"] == "completed"
        if answered["turns"]:
            break
    assert len(answered["turns"]) == 1
    call_id: str = answered["call_id"]
    return call_id


async def simulated_vendors_are_paid(addresses: dict[str, Any], call_id: str) -> None:
    """The agent named no provider, so it heard and spoke by the simulated vendors, and answered by the model behind the
    one that failed."""
    async with aiohttp.ClientSession() as session, asyncio.timeout(30):
        api = ApiClient(session, addresses["control"])
        await api.sign_in(**addresses["admin"], staff=True)
        costs: dict[str, Any] = {}
        while not {"stt", "llm", "tts"} <= costs.keys():
            found = (await api.request("GET", f"/admin/calls/{call_id}"))["call"]
            costs = {cost["resource_type"]: cost for cost in found["costs"]}
            await asyncio.sleep(0.1)
    paid = [costs[role] for role in ("stt", "llm", "tts")]
    assert all(one["provider"].startswith("simulated-") and one["cost"] > 0 for one in paid)
    assert costs["llm"]["provider"] != "simulated-openai"


async def vocalized(*arguments: str) -> dict[str, Any]:
    """Runs a command; returns its last line."""
    line: dict[str, Any] = json.loads((await run_command(*arguments)).splitlines()[-1])
    return line


async def run_command(*arguments: str) -> str:
    """Return what a command prints."""
    command = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "vocalized", *arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    output, errors = await command.communicate()
    assert command.returncode == 0, errors.decode()
    return output.decode()


def without(addresses: dict[str, Any], *names: str) -> dict[str, Any]:
    """What is neither an address nor of these names."""
    left_out = ("control", "media", "carrier", "media_nodes", *names)
    return {name: value for name, value in addresses.items() if name not in left_out}


def child(process: "subprocess.Popen[str]", command: bytes) -> int:
    """The process below this one whose command line holds this."""
    return next(number for number in descendants(process.pid) if command in _command(number))


def _log(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _command(pid: int) -> bytes:
    return _read(Path(f"/proc/{pid}/cmdline"))


def _read(file: Path) -> bytes:
    """What /proc has of a process; empty where it has ended since it was listed (PostgreSQL's own come and go)."""
    try:
        return file.read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


async def test_existing_accounts_are_not_changed(tmp_path: Path) -> None:
    """No request is sent: this test runs neither API nor database."""
    accounts = Accounts(Credentials("a@example.com", "one"), Credentials("b@example.com", "two"), "workspace", "agent")
    (tmp_path / ACCOUNTS_FILE).write_bytes(msgspec.json.encode(accounts))
    request = AccountsRequest(
        "http://127.0.0.1:1",
        "postgresql://nobody@127.0.0.1:1/none",
        (),
        read_plan(ROOT / "config" / "plans" / "local.json"),
    )
    assert await ensure_accounts(tmp_path, request) == accounts


def test_taken_port_is_reported_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with started(tmp_path, "--control-port", str(port)) as process:
            output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (1, "")
    assert errors == f"vocalized up: port {port} cannot be used: Address already in use; --control-port takes another\n"
    assert not list(tmp_path.iterdir())


def hints(state_option: str) -> list[str]:
    """The lines that suggest a command."""
    out = StringIO()
    addresses = msgspec.structs.replace(ADDRESSES, rule_based=True)
    announce(addresses, False, Console(file=out, width=200), state_option)
    return [line for line in out.getvalue().splitlines() if "python -m vocalized" in line]


def test_suggested_commands_name_the_state_where_it_was_given() -> None:
    assert len(hints("")) == 4 and not any("--state" in line for line in hints(""))
    assert all(" --state '/tmp/a b'" in line for line in hints(" --state '/tmp/a b'"))
