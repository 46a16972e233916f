"""`vocalized env`: its variables where accounts ask for a second factor."""

from pathlib import Path

import msgspec

from tests.vocalized.fake_api import USER, FakeApi
from tests.vocalized.stack.test_addresses import ADDRESSES
from vocalized.commands.env import read_variables
from vocalized.stack.addresses import write_addresses


async def test_prints_the_rest_if_the_admin_needs_a_code(tmp_path: Path) -> None:
    async with FakeApi(staff_needs_code=True).running() as api:
        write_addresses(tmp_path, msgspec.structs.replace(ADDRESSES, control=api.url, user=USER))
        names = [line.partition("=")[0] for line in await read_variables(tmp_path)]
    assert names == ["API", "WORKSPACE", "AGENT", "NUMBER", "TOKEN"]
