"""The workspace's tools that an agent names, where no look-up is needed."""

from typing import Any, cast
from uuid import UUID

import pytest

from control.agents.checks import require_tools
from control.agents.config import AgentConfig
from shared.errors import Invalid

NO_DATABASE = cast(Any, None)
CONFIG = AgentConfig(http_tools=["send_digits"])


async def test_agent_that_has_a_tool_whose_name_was_taken_may_be_edited() -> None:
    await require_tools(NO_DATABASE, UUID(int=1), CONFIG, {"http_tools": ["send_digits"]})
    with pytest.raises(Invalid) as refused:
        await require_tools(NO_DATABASE, UUID(int=1), CONFIG, {})
    assert (refused.value.code, refused.value.param) == ("tool_name_reserved", "config.http_tools.0")
