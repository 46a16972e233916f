"""`vocalized up`: the whole platform on this machine in the foreground.

State is kept in one folder between runs. Mails go into a folder; accounts, agents and numbers of the demonstration are
made through the API itself, as a customer would make theirs.
"""

import asyncio
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from shared.plan import read_plan
from vocalized.addresses import Addresses, forget_addresses, write_addresses
from vocalized.child import ServerFailed, free_port
from vocalized.first_accounts import Accounts, Wanted, first_accounts
from vocalized.ports import port_fault
from vocalized.scenes import PLAN
from vocalized.services.child import ServiceFailed
from vocalized.stack import Stack, running_stack
from vocalized.surroundings import Ports, mail_folder, simulated

_LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class UpOptions:
    """state: the folder that everything is kept in. A port that is 0 becomes a free one; the nodes of media take
    media_port and those after it."""

    state: Path
    control_port: int = 0
    media_port: int = 0
    carrier_port: int = 0
    media_nodes: int = 1
    as_json: bool = False


async def run_up(root: Path, options: UpOptions, console: Console) -> int:
    """Until SIGINT or SIGTERM: exit code 0. When a part does not start, or ends by itself and nobody replaces it: 1."""
    running = asyncio.create_task(_run(root, options, console))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, _once(running.cancel))
    try:
        ended = await running
    except asyncio.CancelledError:
        return 0
    except (ServiceFailed, ServerFailed) as error:
        print(f"vocalized up: {error}", file=sys.stderr)
        return 1
    print(f"vocalized up: {ended} ended by itself; see {ended}.log in {options.state.resolve()}", file=sys.stderr)
    return 1


def _once(act: Callable[[], object]) -> Callable[[], None]:
    """Acts at the first call only: a second Ctrl-C must not break off the ending in order."""
    left = [act]

    def call() -> None:
        if left:
            left.pop()()

    return call


async def _run(root: Path, options: UpOptions, console: Console) -> str:
    """Runs everything until it is cancelled, or a part ends by itself: then that part's name."""
    ports = choose_ports(options)
    state = options.state.resolve()
    with console.status("starting the platform") as status:
        async with running_stack(root, state, ports) as stack:
            addresses = await first_addresses(root, stack)
            write_addresses(state, addresses)
            try:
                status.stop()
                _announce(addresses, options.as_json, console)
                return await _until_dead(stack)
            finally:
                forget_addresses(state)


async def _until_dead(stack: Stack) -> str:
    """The name of a part without which nothing goes on; one that others replace is told of."""
    told: set[str] = set()
    while (dead := stack.dead) is None:
        for name in stack.ended:
            if name not in told:
                told.add(name)
                print(f"vocalized up: {name} ended by itself; its calls go on at the others", file=sys.stderr)
        await asyncio.sleep(_LOOK_S)
    return dead


async def first_addresses(root: Path, stack: Stack) -> Addresses:
    """The demonstration's accounts, agents and numbers, made if they are not there. Raises ServerFailed."""
    ports, carriers = stack.ports, simulated()
    plan = read_plan(root / PLAN)
    wanted = Wanted(ports.control_url, stack.database_url, mail_folder(stack.state, stack.settings), carriers, plan)
    return _addresses(ports, await first_accounts(stack.state, wanted))


def _addresses(ports: Ports, accounts: Accounts) -> Addresses:
    nodes = [f"http://127.0.0.1:{port}" for port in ports.media]
    return Addresses(
        control=ports.control_url,
        media=nodes[0],
        carrier=ports.carrier_url if simulated() else "",
        admin=accounts.admin,
        user=accounts.user,
        workspace_id=accounts.workspace_id,
        agent_id=accounts.agent_id,
        number=accounts.number,
        telnyx_number=accounts.telnyx_number,
        media_nodes=nodes,
    )


def choose_ports(options: UpOptions) -> Ports:
    """Those that were asked for, or free ones. Raises ServerFailed for one that is taken: somebody else would answer
    in our place."""
    first = _checked(options.media_port, "--media-port")
    more = [first + number if first else 0 for number in range(1, options.media_nodes)]
    return Ports(
        control=_checked(options.control_port, "--control-port") or free_port(),
        worker=free_port(),
        carrier=_checked(options.carrier_port, "--carrier-port") or free_port(),
        media=tuple(_checked(port, "--media-port") or free_port() for port in (first, *more)),
    )


def _checked(port: int, flag: str) -> int:
    if fault := port_fault(port):
        raise ServerFailed(f"port {port} cannot be used: {fault}; {flag} takes another")
    return port


def _announce(told: Addresses, as_json: bool, console: Console) -> None:
    if as_json:
        print(told.line, flush=True)
        return
    rows = (
        ("API", told.control),
        ("documentation", f"{told.control}/docs"),
        ("phone network", told.carrier),
        ("media nodes", " ".join(told.media_nodes)),
        ("customer", f"{told.user.email}  password {told.user.password}"),
        ("admin", f"{told.admin.email}  password {told.admin.password}"),
        ("workspace", told.workspace_id),
        ("agent", told.agent_id),
        ("number", told.number),
        ("at Telnyx", told.telnyx_number),
    )
    for name, value in rows:
        if value:
            console.print(f"{name:14}{value}", soft_wrap=True, markup=False)
    if told.number:
        console.print(
            f"call it: .venv/bin/python -m vocalized call --to {told.number} --say 'When are you open?'", soft_wrap=True
        )
    console.print("Ctrl-C stops everything")
