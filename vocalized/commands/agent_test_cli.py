"""The command line of `vocalized test`."""

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from vocalized.commands.mcp_cli import KEY_VARIABLE

_UP = Path(__file__).resolve().parents[2] / "var" / "up"


def test(
    agent: Annotated[str, typer.Option(metavar="NAME", help="Name or id of the agent; else the one of `up`.")] = "",
    version: Annotated[int | None, typer.Option(metavar="N", min=1, help="Version; else the current one.")] = None,
    draft: Annotated[bool, typer.Option("--draft", help="Test the draft.")] = False,
    case: Annotated[list[str] | None, typer.Option(metavar="ID", help="Only this case. May be repeated.")] = None,
    jobs: Annotated[int, typer.Option(metavar="N", min=1, max=64, help="Processes that run cases.")] = 2,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the results as JUnit XML.")] = None,
    recordings: Annotated[Path | None, typer.Option(metavar="DIR", help="Write a recording of each case.")] = None,
    url: Annotated[str, typer.Option(metavar="URL", help="Another platform's API, with --workspace.")] = "",
    workspace: Annotated[str, typer.Option(metavar="ID", help="Workspace at --url.")] = "",
    state: Annotated[Path, typer.Option(metavar="DIR", help="State of the platform that `up` runs.")] = _UP,
) -> None:
    """Runs an agent's test cases.

    Cases come from the API, run on this machine in virtual time with local speech, and their results are stored at the
    platform (docs/use/agent-tests.md). While a case runs, nothing reaches the network. With --url, the API key is read
    from VOCALIZED_API_KEY. Exit code 0: every case passed. Exit code 1: a case failed, or the test cannot be run.
    """
    from vocalized.commands.agent_test import AgentTestError, AgentTestOptions, run_agent_test
    from vocalized.stack.addresses import StackNotRunning

    key = os.environ.get(KEY_VARIABLE, "").strip()
    if url and not (workspace and key):
        raise typer.BadParameter(f"needs --workspace, and {KEY_VARIABLE} with an API key", param_hint="'--url'")
    options = AgentTestOptions(
        state=state, agent=agent, version=version, uses_draft=draft, cases=case or (), jobs=jobs, url=url,
        workspace=workspace, key=key, junit=junit, recordings=recordings,
    )  # fmt: skip
    try:
        code = asyncio.run(run_agent_test(options, Console(highlight=False)))
    except (AgentTestError, StackNotRunning) as error:
        Console(stderr=True, highlight=False).print(f"error: {error}", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None
    raise typer.Exit(code)
