"""`vocalized vendors`: what the simulated vendors of a running platform were asked and billed, and faults on demand."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx
import msgspec
from rich.console import Console

from vocalized.stack.addresses import StackNotRunning
from vocalized.stack.simulated_vendors import config_path
from vocalized.stack.vendor_agent import CHAINS, PROVIDERS
from vocalized.vendors.configuration import read_config

_TIMEOUT_S: Final = 5.0


class VendorsError(Exception):
    """The vendors cannot be told; the message says why."""


@dataclass(frozen=True, slots=True)
class FaultOptions:
    """vendor: empty for the first choice of the role. after: units before the fault. connections: so many further
    ones; 0: all, those that are open too. factor: of `slow`."""

    role: str
    kind: str
    vendor: str = ""
    after: int = 0
    connections: int = 0
    factor: float = 10.0


def first_vendor(role: str) -> str:
    """The vendor that the agent tries first. Raises VendorsError."""
    if role not in CHAINS:
        raise VendorsError(f"there is no role {role!r}, only {', '.join(CHAINS)}")
    return PROVIDERS[CHAINS[role][0]]


def set_fault(state: Path, options: FaultOptions) -> str:
    """Returns the vendor that has the fault now. Raises VendorsError, StackNotRunning."""
    vendor = options.vendor or first_vendor(options.role)
    body = {
        "kind": options.kind,
        "after_units": options.after,
        "factor": options.factor,
        "connections": options.connections,
    }
    _request(state, "PUT", f"/vendors/{quote(vendor, safe='')}/faults/{quote(options.role, safe='')}", body)
    return vendor


def clear_faults(state: Path, role: str = "") -> list[str]:
    """Ends the faults of a role, of all without one; returns what was ended. Raises VendorsError, StackNotRunning."""
    if role:
        first_vendor(role)
    ended = [
        (one["vendor"], name)
        for one in list_vendors(state)
        for name, fault in one["faults"].items()
        if fault is not None and role in ("", name)
    ]
    for vendor, name in ended:
        _request(state, "DELETE", f"/vendors/{vendor}/faults/{name}")
    return [f"{vendor} {name}" for vendor, name in ended]


def list_vendors(state: Path) -> list[dict[str, Any]]:
    """Each vendor: connections, what it billed, faults. Raises VendorsError, StackNotRunning."""
    vendors: list[dict[str, Any]] = _request(state, "GET", "/vendors")["vendors"]
    return vendors


def print_vendors(vendors: Sequence[Mapping[str, Any]], console: Console) -> None:
    """A line for each role of each vendor."""
    for vendor in vendors:
        for role, opened in vendor["opened"].items():
            billed = ", ".join(_format_billed(vendor["billed"], role)) or "nothing"
            fault = vendor["faults"][role]
            state = "works" if fault is None else f"fault: {fault['kind']}"
            line = f"{vendor['vendor']:14}{role:5}{state:22}{opened:>4} connections  billed: {billed}"
            console.print(line, soft_wrap=True, markup=False)


def _format_billed(billed: Sequence[Mapping[str, Any]], role: str) -> Iterator[str]:
    for one in billed:
        if one["role"] == role:
            yield f"{one['quantity']:,.0f} {one['unit'].replace('_', ' ')} of {one['model']}"


def _request(state: Path, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
    """Raises VendorsError, StackNotRunning."""
    url = _operation_url(state)
    try:
        answer = httpx.request(method, url + path, json=body, timeout=_TIMEOUT_S, trust_env=False)
    except httpx.HTTPError as error:
        raise VendorsError(f"the simulated vendors do not answer: {type(error).__name__}") from None
    if answer.status_code >= 300:
        raise VendorsError(_reason(answer))
    return answer.json()


def _reason(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["error"])
    except (ValueError, LookupError, TypeError):
        return answer.text


def _operation_url(state: Path) -> str:
    """Raises StackNotRunning."""
    path = config_path(state)
    try:
        return read_config(path).operation_url
    except FileNotFoundError:
        raise StackNotRunning(
            f"no simulated vendors run on {state}: start them with `vocalized up --simulated-vendors`, or give --state"
        ) from None
    except (OSError, msgspec.DecodeError) as error:
        raise StackNotRunning(f"{path} cannot be read: {error}") from None
