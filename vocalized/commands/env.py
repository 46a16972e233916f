"""`vocalized env`: what `up` printed, and tokens, as variables of a shell."""

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Final

import aiohttp

from vocalized.stack.addresses import Addresses, Credentials, read_addresses
from vocalized.stack.api_client import ApiClient, ApiError

_CODE_NEEDED: Final = "totp_required"  # of a refused sign-in with the right password


class EnvError(Exception):
    """The platform does not answer, or refuses the sign-in; the message says which."""


async def read_variables(state: Path) -> list[str]:
    """Return one assignment a line. Raises EnvError, StackNotRunning."""
    addresses = read_addresses(state)
    try:
        async with aiohttp.ClientSession() as session:
            api = ApiClient(session, addresses.control)
            token = await _sign_in(api, "/auth/login", addresses.user)
            admin_token = await _sign_in(api, "/admin/auth/login", addresses.admin)
    except ApiError as error:
        raise EnvError(str(error)) from None
    values = {**_addresses(addresses), "TOKEN": token, "ADMIN_TOKEN": admin_token}
    return [f"{name}={shlex.quote(value)}" for name, value in values.items() if value]


def _addresses(addresses: Addresses) -> dict[str, str]:
    stripe, integrations = addresses.stripe, addresses.integrations
    return {
        "API": addresses.control,
        "WORKSPACE": addresses.workspace_id,
        "AGENT": addresses.agent_id,
        "NUMBER": addresses.number,
        "STRIPE": stripe.url if stripe else "",
        "STRIPE_KEY": stripe.key if stripe else "",
        "INTEGRATIONS": integrations.url if integrations else "",
        "INTEGRATIONS_KEY": integrations.key if integrations else "",
    }


async def _sign_in(api: ApiClient, path: str, account: Credentials) -> str:
    """Return an access token; empty if the account asks for a second factor."""
    try:
        answer = await api.request("POST", path, asdict(account))
    except ApiError as error:
        if error.code == _CODE_NEEDED:
            return ""
        raise
    token: str = answer.get("token") or ""
    return token
