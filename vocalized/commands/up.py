"""`vocalized up`: the whole platform on this machine in the foreground.

State stays in one folder between runs. Emails go into a folder; the demonstration's accounts, agents and numbers are
created through the API, as a customer would create theirs.
"""

import asyncio
import shlex
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from vocalized.services.folders import is_locked, make_files_private, make_state
from vocalized.services.process import ServiceFailed
from vocalized.stack.addresses import Addresses, IntegrationsAddress, StripeAddress, remove_addresses, write_addresses
from vocalized.stack.first_addresses import ensure_addresses
from vocalized.stack.operator_settings import remove_operator_settings, write_operator_settings
from vocalized.stack.ports import Ports, PortUnavailable, choose_ports
from vocalized.stack.process import ServerFailed
from vocalized.stack.stack import Stack, report_to_stderr, running_stack

# Below the checkout.
DEFAULT_STATE = Path("var/up")
_POLL_S = 0.5
_PROGRAM = ".venv/bin/python -m vocalized"
_STOP = "Ctrl-C stops everything"


@dataclass(frozen=True, slots=True)
class UpOptions:
    """state: the folder for everything. A port of 0 becomes a free one; the media nodes take media_port and the ports
    after it. simulated_vendors: the agent uses simulated vendors. simulated_stripe: invoices go to a simulated Stripe,
    and both clocks are so many days ahead. simulated_integrations: workspaces can connect simulated vendors."""

    state: Path
    control_port: int = 0
    media_port: int = 0
    carrier_port: int = 0
    media_nodes: int = 1
    as_json: bool = False
    simulated_vendors: bool = False
    simulated_stripe: bool = False
    simulated_integrations: bool = False
    billing_days_ahead: int = 0


async def run_up(root: Path, options: UpOptions, console: Console) -> int:
    """Runs until SIGINT or SIGTERM: exit code 0. A part that does not start, or keeps ending although it is started
    again: exit code 1."""
    running = asyncio.create_task(_run(root, options, console))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, _once(running.cancel))
    try:
        failed = await running
    except asyncio.CancelledError:
        return 0
    except (ServiceFailed, ServerFailed, PortUnavailable) as error:
        _report(str(error))
        return 1
    _report(failed)
    return 1


def _report(line: str) -> None:
    report_to_stderr(line, "vocalized up")


def _once(action: Callable[[], object]) -> Callable[[], None]:
    """Acts at the first call only: a second Ctrl-C must not interrupt the shutdown."""
    pending = [action]

    def call() -> None:
        if pending:
            pending.pop()()

    return call


async def _run(root: Path, options: UpOptions, console: Console) -> str:
    """Runs everything until it is cancelled, or a part fails; returns why."""
    ports = _choose_ports(options)
    state = make_state(options.state)
    make_files_private()
    with console.status("starting the platform") as status:
        running = running_stack(
            root,
            state,
            ports,
            _report,
            simulated_vendors=options.simulated_vendors,
            simulated_stripe=options.simulated_stripe,
            simulated_integrations=options.simulated_integrations,
            billing_days_ahead=options.billing_days_ahead,
        )
        async with running as stack:
            addresses = await ensure_addresses(root, stack)
            write_addresses(state, addresses)
            write_operator_settings(state, stack.settings)
            try:
                status.stop()
                announce(
                    addresses,
                    options.as_json,
                    console,
                    _state_option(root, options.state),
                    has_vendors=stack.vendors is not None,
                )
                return await _until_failed(stack)
            finally:
                remove_operator_settings(state)
                remove_addresses(state)


def _choose_ports(options: UpOptions) -> Ports:
    """Raises PortUnavailable, and ServiceFailed when the ports are taken because the platform runs on this state
    already."""
    try:
        return choose_ports(
            control=options.control_port,
            media=options.media_port,
            carrier=options.carrier_port,
            media_nodes=options.media_nodes,
        )
    except PortUnavailable as error:
        if not is_locked(options.state / "postgres.lock"):
            raise
        raise ServiceFailed(f"{error}; a platform runs on {options.state} already: stop that one first") from None


async def _until_failed(stack: Stack) -> str:
    """Why the platform cannot go on."""
    while True:
        if failed := stack.failed:
            return failed
        await asyncio.sleep(_POLL_S)


def announce(
    addresses: Addresses,
    as_json: bool,
    console: Console,
    state_option: str = "",
    *,
    has_vendors: bool = False,
) -> None:
    """Prints addresses, sign-ins, and how to call; as one line of JSON if `as_json`. state_option: for commands that
    are suggested, beginning with a space. has_vendors: simulated vendors run."""
    if as_json:
        print(addresses.line, flush=True)
        return
    rows = (
        ("console", f"{addresses.control}/console"),
        ("API", addresses.control),
        ("documentation", f"{addresses.control}/docs"),
        ("phone network", addresses.carrier),
        ("media nodes", " ".join(addresses.media_nodes)),
        ("customer", f"{addresses.user.email}  password {addresses.user.password}"),
        ("admin", f"{addresses.admin.email}  password {addresses.admin.password}"),
        ("workspace", addresses.workspace_id),
        ("agent", addresses.agent_id),
        ("number", addresses.number),
        ("at Telnyx", addresses.telnyx_number),
    )
    for name, value in rows:
        if value:
            console.print(f"{name:14}{value}", soft_wrap=True, markup=False)
    hints = [
        *_hints(addresses, state_option),
        *(_vendor_hints(state_option) if has_vendors else ()),
        *_stripe_hints(addresses.stripe, state_option),
        *_integration_hints(addresses.integrations, state_option),
        _STOP,
    ]
    for hint in hints:
        console.print(hint, soft_wrap=True, markup=False)


def _state_option(root: Path, state: Path) -> str:
    """What other commands need to find this state; empty for the one that they take without it."""
    return "" if state.resolve() == root / DEFAULT_STATE else f" --state {shlex.quote(str(state))}"


def _hints(addresses: Addresses, state: str) -> Iterator[str]:
    """What to do next. state: the option for it, beginning with a space, or empty."""
    if addresses.number:
        yield f"call it: {_PROGRAM} call --to {addresses.number} --say 'When are you open?'{state}"
    if addresses.rule_based:
        set_key = f"{_PROGRAM} providers{state} set-key"
        yield "this agent answers by rules, which know only its facts: no language model is used"
        yield f"a language model for agents that name no other one: {set_key} openai"
        yield (
            f"or a server of your own: {set_key} my-llama --vendor openai --base-url http://127.0.0.1:8000/v1"
            " --model NAME --no-key"
        )
    if addresses.number:
        yield f"an agent of your own: {_PROGRAM} agent NAME --prompt 'You answer for …'{state}"


def _vendor_hints(state: str) -> Iterator[str]:
    """What to do with simulated vendors. state: as of `_hints`."""
    yield "this agent hears, thinks and speaks by simulated vendors, at the real ones' prices; no key is needed"
    yield f"what each of them costs and whether it works: {_PROGRAM} doctor --providers{state}"
    yield f"let one fail in the next call, or in this one: {_PROGRAM} vendors fault tts stall{state}"


def _stripe_hints(stripe: StripeAddress | None, state: str) -> Iterator[str]:
    """What to do with a simulated Stripe. state: as of `_hints`."""
    if stripe is not None:
        yield f"invoices go to a simulated Stripe: its API is {stripe.url}/v1, its key {stripe.key}"
        yield f'addresses, tokens and keys as variables of a shell: eval "$({_PROGRAM} env{state})"'
        yield "docs/run/stripe.md walks through a subscription; --billing-days-ahead N begins later"


def _integration_hints(integrations: IntegrationsAddress | None, state: str) -> Iterator[str]:
    """What to do with simulated integrations. state: as of `_hints`."""
    if integrations is not None:
        yield f"workspaces can connect simulated calendars, CRMs and channels at {integrations.url}"
        yield f"what they have: {integrations.url}/records; their key is {integrations.key}"
        yield f'addresses, tokens and keys as variables of a shell: eval "$({_PROGRAM} env{state})"'
        yield "docs/use/simulated-integrations.md connects a calendar, whose free times the agent then says"
