"""HTTP interface to operate simulated vendors: billed quantities, and faults on demand.

GET /healthz; GET /vendors; PUT /vendors/{vendor}/faults/{role} with {"kind", "after_units", "factor", "connections"};
DELETE /vendors/{vendor}/faults/{role}. A fault without a number of connections also affects open connections. The
interface needs no key and is served only on this machine.
"""

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final, get_args

from aiohttp import web

from simulator.vendors.faults import Fault, FaultKind, Role
from simulator.vendors.server import VendorState

ROLES: Final[tuple[Role, ...]] = get_args(Role)
FAULT_KINDS: Final[tuple[FaultKind, ...]] = get_args(FaultKind)
_NUMBERS: Final[Mapping[str, type | tuple[type, ...]]] = {
    "after_units": int,
    "factor": (int, float),
    "connections": int,
}
_MOST: Final = 1_000


class FaultInvalid(ValueError):
    """The fault cannot be injected. The message names the field."""


class VendorOperation:
    """Request handlers of the interface.

    Args:
        vendors: The vendors' states by name.
        roles: The roles of each vendor.
    """

    def __init__(self, vendors: Mapping[str, VendorState], roles: Mapping[str, tuple[Role, ...]]) -> None:
        self._vendors = vendors
        self._roles = roles
        self._set_faults: dict[tuple[str, Role], tuple[Fault, int | None]] = {}

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of the interface."""
        fault = "/vendors/{vendor}/faults/{role}"
        return [
            web.get("/healthz", self._is_healthy),
            web.get("/vendors", self._list),
            web.put(fault, self._set),
            web.delete(fault, self._clear),
        ]

    async def _is_healthy(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _list(self, request: web.Request) -> web.Response:
        return web.json_response({"vendors": [self._describe(name) for name in self._vendors]})

    async def _set(self, request: web.Request) -> web.Response:
        name, role = self._find(request)
        try:
            fault, connections = read_fault(await request.json())
        except json.JSONDecodeError:
            return _refuse("the body is no JSON")
        except FaultInvalid as error:
            return _refuse(str(error))
        board = self._vendors[name].faults
        board.heal(role)
        if connections is None:
            board.strike(role, fault)
        else:
            board.queue(role, fault, connections)
        self._set_faults[name, role] = (fault, connections)
        return web.json_response(self._describe(name))

    async def _clear(self, request: web.Request) -> web.Response:
        name, role = self._find(request)
        self._vendors[name].faults.heal(role)
        self._set_faults.pop((name, role), None)
        return web.json_response(self._describe(name))

    def _find(self, request: web.Request) -> tuple[str, Role]:
        """Return the vendor and role in the path. Raises HTTPNotFound."""
        name = request.match_info["vendor"]
        role = next((one for one in self._roles.get(name, ()) if one == request.match_info["role"]), None)
        if role is None:
            raise web.HTTPNotFound(text="there is no such vendor, or it does not have this role")
        return name, role

    def _describe(self, name: str) -> dict[str, Any]:
        state = self._vendors[name]
        roles = self._roles[name]
        return {
            "vendor": name,
            "opened": {role: state.opened[role] for role in roles},
            "billed": _sum_billed(state),
            "faults": {role: self._describe_fault(name, role) for role in roles},
        }

    def _describe_fault(self, name: str, role: Role) -> dict[str, Any] | None:
        """Return the latest fault with its number of connections (None for all); None without a fault."""
        found = self._set_faults.get((name, role))
        return None if found is None else {**asdict(found[0]), "connections": found[1]}


def read_fault(body: object) -> tuple[Fault, int | None]:
    """Return the fault and the number of connections that get it (None for all). Raises FaultInvalid."""
    if not isinstance(body, dict):
        raise FaultInvalid("the body is no object")
    unknown = sorted(set(body) - {"kind", *_NUMBERS})
    if unknown:
        raise FaultInvalid(f"{unknown[0]}: there is no such field, only kind, {', '.join(_NUMBERS)}")
    if body.get("kind") not in FAULT_KINDS:
        raise FaultInvalid(f"kind: one of {', '.join(FAULT_KINDS)}")
    for name in _NUMBERS:
        _require_number(name, body.get(name, 0))
    fields = {name: body[name] for name in ("kind", "after_units", "factor") if name in body}
    return Fault(**fields), body.get("connections") or None


def _require_number(name: str, value: Any) -> None:
    """Raise FaultInvalid unless the value is a number in the allowed range."""
    is_number = isinstance(value, _NUMBERS[name]) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= _MOST:
        raise FaultInvalid(f"{name}: a number from 0 to {_MOST}")


def _sum_billed(state: VendorState) -> list[dict[str, Any]]:
    sums: dict[tuple[str, str, str], float] = defaultdict(float)
    for item in state.billed:
        sums[item.role, item.model, item.unit] += item.quantity
    return [
        {"role": role, "model": model, "unit": unit, "quantity": quantity}
        for (role, model, unit), quantity in sums.items()
    ]


def _refuse(reason: str) -> web.Response:
    return web.json_response({"error": reason}, status=422)
