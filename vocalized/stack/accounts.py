"""The accounts of a new local platform, created over the API as users do.

Passwords are generated and stored first, and each step checks whether it was done before, so that the next start
continues one that was interrupted. Once everything exists nothing is changed any more.
"""

import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import aiohttp
import asyncpg  # type: ignore[import-untyped]
import msgspec

from control.accounts.staff.service import NewAdmin
from control.commands.admin import add_admin
from shared.errors import Conflict
from shared.plan import CallPlan
from vocalized.stack.addresses import Credentials
from vocalized.stack.agents import agent_config, ensure_live_agent
from vocalized.stack.api_client import ApiClient, ApiError
from vocalized.stack.process import ServerFailed
from vocalized.stack.secret_file import write_secret

_FILE = "first-accounts.json"
_ADMIN, _USER = "admin@example.com", "owner@example.com"
# A trial would end after some days.
_TIER = {"status": "active", "subscription_tier": "growth"}
_EXEMPTION = "The demonstration's own workspace"
_TAKEN = 409


@dataclass(frozen=True, slots=True)
class Accounts:
    """The first admin, the first customer, and what belongs to the customer; empty until it exists.

    number, telnyx_number: answered by agents, at the first simulated carrier and at the simulated Telnyx.
    """

    admin: Credentials
    user: Credentials
    workspace_id: str = ""
    agent_id: str = ""
    number: str = ""
    telnyx_number: str = ""


@dataclass(frozen=True, slots=True)
class AccountsRequest:
    """carriers: the simulated ones, where a number costs nothing; the agent gets one of the first. plan: what the agent
    is made from. has_stripe: cards are taken."""

    url: str
    database_url: str
    carriers: Sequence[str]
    plan: CallPlan
    has_stripe: bool = False


async def ensure_accounts(state: Path, request: AccountsRequest) -> Accounts:
    """The accounts of an earlier start, or new ones. Raises ServerFailed."""
    path = state / _FILE
    stored = _read(path) or _store(path, Accounts(_generate(_ADMIN), _generate(_USER)))
    if stored.agent_id and (stored.number or not request.carriers):
        return stored
    try:
        await _admin(request.database_url, stored.admin)
        async with aiohttp.ClientSession() as session:
            return _store(path, await _customer(ApiClient(session, request.url), stored, request))
    except (ApiError, asyncpg.PostgresError, OSError, TimeoutError) as error:
        raise ServerFailed(f"the first accounts could not be made: {type(error).__name__}: {error}") from error


async def _admin(database_url: str, admin: Credentials) -> None:
    with suppress(Conflict):  # it exists since an earlier start
        await add_admin(database_url, NewAdmin(admin.email, "Admin", "super_admin", admin.password))


async def _customer(api: ApiClient, stored: Accounts, request: AccountsRequest) -> Accounts:
    await api.try_post("/auth/signup", {**asdict(stored.user), "name": "Demo Owner"}, refusal=_TAKEN)
    await api.sign_in(**asdict(stored.user))
    workspaces = (await api.request("GET", "/workspaces"))["workspaces"]
    workspace_id: str = workspaces[0]["id"] if workspaces else await _create_workspace(api)
    await _end_trial(api, stored.admin, workspace_id, request)
    await api.sign_in(**asdict(stored.user))
    config = agent_config(request.plan)
    first, *others = request.carriers or ("",)
    agent = await ensure_live_agent(api, workspace_id, config, request.plan.agent.name, first)
    accounts = replace(stored, workspace_id=workspace_id, agent_id=agent.agent_id, number=agent.number)
    if "telnyx" in others:
        name = f"{request.plan.agent.name} (Telnyx)"
        telnyx = await ensure_live_agent(api, workspace_id, config, name, "telnyx")
        accounts = replace(accounts, telnyx_number=telnyx.number)
    return accounts


async def _create_workspace(api: ApiClient) -> str:
    body = {"name": "Demo Dental", "industry": "dental", "timezone": "UTC"}
    workspace_id: str = (await api.request("POST", "/workspaces", body))["workspace"]["id"]
    return workspace_id


async def _end_trial(api: ApiClient, admin: Credentials, workspace_id: str, request: AccountsRequest) -> None:
    await api.sign_in(**asdict(admin), staff=True)
    await api.request("PUT", f"/admin/workspaces/{workspace_id}", _TIER)
    if request.has_stripe:  # then a workspace that is billed buys its numbers only with a card
        exemption = f"/admin/billing/workspaces/{workspace_id}/payment-method-exemption"
        await api.request("PUT", exemption, {"is_payment_method_exempt": True, "reason": _EXEMPTION})


def _generate(email: str) -> Credentials:
    return Credentials(email, secrets.token_urlsafe(12))


def _read(path: Path) -> Accounts | None:
    return msgspec.json.decode(path.read_bytes(), type=Accounts) if path.exists() else None


def _store(path: Path, accounts: Accounts) -> Accounts:
    write_secret(path, msgspec.json.encode(accounts))
    return accounts
