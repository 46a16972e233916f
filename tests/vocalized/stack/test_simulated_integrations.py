"""The types of simulated integrations at a platform: added, kept between starts, and disabled."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.platform.api import PASSWORD, running_api
from vocalized.stack.accounts import Accounts
from vocalized.stack.addresses import Credentials
from vocalized.stack.simulated_integrations import (
    EGRESS_VARIABLE,
    ensure_integration_types,
    has_integrations_file,
    prepare_integrations,
    retire_integration_types,
)


async def test_types_are_offered_while_the_vendors_run(database_url: str, valkey_url: str, tmp_path: Path) -> None:
    access, _ = prepare_integrations(tmp_path, "http://127.0.0.1:1", {})
    async with running_api(database_url, valkey_url, egress_allow=("127.0.0.1/32",)) as api:
        user, admin = await api.sign_up(), await api.admin()
        workspace = await user.workspace()
        accounts = Accounts(Credentials(admin.email, PASSWORD), Credentials(user.email, PASSWORD), workspace)

        async def offered() -> set[str]:
            reply = await user.get(f"/workspaces/{workspace}/integration-types")
            return {kind["type"] for kind in reply.body["integration_types"] if kind["type"].startswith("simulated_")}

        await ensure_integration_types(api.url, accounts, access)
        everything = await offered()
        assert everything >= {"simulated_google_calendar", "simulated_salesforce"} and len(everything) == 6
        await retire_integration_types(api.url, accounts)
        assert await offered() == set()
        await ensure_integration_types(api.url, accounts, access)
        assert await offered() == everything


@pytest.mark.parametrize(
    ("environment", "allowed"), [({}, "127.0.0.1/32"), ({EGRESS_VARIABLE: "10.0.0.0/8"}, "10.0.0.0/8,127.0.0.1/32")]
)
def test_keys_stay_and_the_vendors_may_be_reached(tmp_path: Path, environment: Mapping[str, str], allowed: str) -> None:
    assert not has_integrations_file(tmp_path)
    first, settings = prepare_integrations(tmp_path, "http://127.0.0.1:1", environment)
    second, _ = prepare_integrations(tmp_path, "http://127.0.0.1:1", environment)
    assert first == second and has_integrations_file(tmp_path)
    assert settings == {EGRESS_VARIABLE: allowed}
    assert {path.stat().st_mode & 0o077 for path in tmp_path.iterdir()} == {0}
