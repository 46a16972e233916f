"""`vocalized test` against the real API."""

import os
from collections.abc import AsyncIterator
from io import StringIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import pytest_asyncio
from rich.console import Console

from tests.control.api.call_workspace import CallWorkspace, make_call_workspace
from tests.platform.api import running_api
from vocalized.commands.agent_test import AgentTestError, AgentTestOptions, run_agent_test

pytestmark = [pytest.mark.speech, pytest.mark.asyncio(loop_scope="module")]
PROMPT = "We are Riverside Dental. A check-up costs $89."


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def workspace(database_url: str, valkey_url: str) -> AsyncIterator[CallWorkspace]:
    async with running_api(database_url, valkey_url) as api:
        made = await make_call_workspace(api, tier="business")
        await set_prompt(made, PROMPT)
        turn = {"text": "How much does a check-up cost?", "reacts_to": "Hello."}
        expected = [{"kind": "says", "value": "$89"}, {"kind": "answers_within", "most_ms": 2_000}]
        body = {"agent_id": made.agent_id, "name": "Price", "script": {"turns": [turn], "assertions": expected}}
        assert (await made.ann.post(f"{made.path}/test-cases", body)).status == 201
        yield made


async def set_prompt(workspace: CallWorkspace, prompt: str) -> None:
    changed = await workspace.ann.put(f"{workspace.path}/agents/{workspace.agent_id}", {"config": {"prompt": prompt}})
    assert changed.status == 200, changed.body


async def run(workspace: CallWorkspace, tmp_path: Path, **options: Any) -> tuple[int, str]:
    key = await workspace.ann.post(
        f"{workspace.path}/api-keys",
        {"name": "CI", "scopes": ["agents:read", "agents:write", "calls:read"], "expires_at": None},
    )
    assert key.status == 201, key.body
    out = StringIO()
    given: dict[str, Any] = {"agent": "Front desk", "junit": tmp_path / "junit.xml", "recordings": tmp_path} | options
    code = await run_agent_test(
        AgentTestOptions(
            state=tmp_path, jobs=1, url=workspace.api.url, workspace=workspace.workspace_id,
            key=find_secret(key.body), **given,
        ),
        Console(file=out, highlight=False, width=200),
    )  # fmt: skip
    return code, out.getvalue()


def find_secret(body: Any) -> str:
    values = [value for part in body.values() for value in (part.values() if isinstance(part, dict) else [part])]
    return next(
        value for value in values if isinstance(value, str) and value.startswith("vk_live_") and len(value) > 40
    )


async def test_a_good_version_passes_and_a_wrong_price_fails(workspace: CallWorkspace, tmp_path: Path) -> None:
    code, shown = await run(workspace, tmp_path)
    assert code == 0, shown
    assert "[1/1] ok    Price" in shown and "1 passed, 0 failed, 0 errors" in shown
    assert [name for name in os.listdir(tmp_path) if name.endswith(".wav")]
    await set_prompt(workspace, PROMPT.replace("$89", "$98"))
    code, shown = await run(workspace, tmp_path)
    assert code == 1 and "says $89: never said" in shown, shown
    suite = ElementTree.parse(tmp_path / "junit.xml").getroot()
    assert (suite.get("failures"), suite.get("errors"), len(suite.findall("testcase/failure"))) == ("1", "0", 1)
    runs = (await workspace.ann.get(f"{workspace.path}/agents/{workspace.agent_id}/test-runs")).body["test_runs"]
    assert [(one["passed"], one["failed"]) for one in runs] == [(0, 1), (1, 0)]


async def test_an_unknown_agent_is_named(workspace: CallWorkspace, tmp_path: Path) -> None:
    with pytest.raises(AgentTestError, match="no agent 'Back desk'"):
        await run(workspace, tmp_path, agent="Back desk")
