"""`vocalized test`: runs an agent's test cases on this machine and stores the results at the platform."""

import asyncio
import multiprocessing
import wave
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
from rich.console import Console

from vocalized.agent_tests.case_worker import CaseJob, CaseOutcome, run_job, start_worker
from vocalized.agent_tests.junit import list_failures, make_junit
from vocalized.stack.addresses import read_addresses
from vocalized.stack.api_client import ApiClient, ApiError

PHONE_RATE: Final = 8_000


class AgentTestError(Exception):
    """The test cannot be run; the message says why."""


@dataclass(frozen=True, slots=True)
class AgentTestOptions:
    """The command line.

    Attributes:
        agent: Id or name; empty takes the agent of the platform that runs on `state`.
        version: None takes the current one.
        cases: Ids of test cases; empty takes all of the agent.
        jobs: Processes that run cases.
        url, workspace, key: The platform, in place of the one that runs on `state`.
        junit: File for the results.
        recordings: Folder for a recording of each case.
    """

    state: Path
    agent: str = ""
    version: int | None = None
    uses_draft: bool = False
    cases: Sequence[str] = ()
    jobs: int = 2
    url: str = ""
    workspace: str = ""
    key: str = field(default="", repr=False)
    junit: Path | None = None
    recordings: Path | None = None


async def run_agent_test(options: AgentTestOptions, console: Console) -> int:
    """Returns the exit code: 0 if every case passed. Raises AgentTestError, StackNotRunning."""
    async with aiohttp.ClientSession() as session:
        try:
            return await _run(session, options, console)
        except ApiError as error:
            raise AgentTestError(str(error)) from None
        except ExceptionGroup as group:  # of the cases that ran at the same time
            raise AgentTestError(_explain(group.exceptions[0])) from group


def _explain(fault: Exception) -> str:
    is_broken = isinstance(fault, BrokenProcessPool)
    return "the models of local speech cannot be loaded: run `doctor`" if is_broken else str(fault)


async def _run(session: aiohttp.ClientSession, options: AgentTestOptions, console: Console) -> int:
    api, workspace, agent_id = await _connect(session, options)
    agent = (await api.request("GET", f"{workspace}/agents/{agent_id}"))["agent"]
    body: dict[str, Any] = {"version": options.version, "uses_draft": options.uses_draft}
    if options.cases:
        body["case_ids"] = list(options.cases)
    run = (await api.request("POST", f"{workspace}/agents/{agent_id}/test-runs", body))["test_run"]
    path = f"{workspace}/test-runs/{run['id']}"
    cases = (await api.request("GET", path))["results"]
    console.print(f"{agent['name']}, version {run['agent_version']}: {len(cases)} cases", markup=False)
    results: list[tuple[str, Mapping[str, Any]]] = []
    room = asyncio.Semaphore(options.jobs + 1)  # cases that are in memory
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.jobs, mp_context=context, initializer=start_worker) as pool:

        async def run_one(case: Mapping[str, Any]) -> None:
            async with room:
                job = await _load(api, f"{path}/test-cases/{case['case_id']}")
                outcome = await asyncio.get_running_loop().run_in_executor(pool, run_job, job)
                await api.request("PUT", f"{path}/test-cases/{case['case_id']}/result", {"report": outcome.report})
                results.append((case["name"], outcome.report))
                _show(console, case["name"], outcome.report, len(results), len(cases))
                if options.recordings is not None and outcome.pcm:
                    _write(options.recordings / f"{case['case_id']}.wav", outcome)

        async with asyncio.TaskGroup() as group:
            for case in cases:
                group.create_task(run_one(case))
    if options.junit is not None:
        options.junit.write_bytes(make_junit(agent["name"], results))
    final = (await api.request("GET", path))["test_run"]
    console.print(f"{final['passed']} passed, {final['failed']} failed, {final['errors']} errors", markup=False)
    return 0 if final["passed"] == len(cases) else 1


async def _connect(session: aiohttp.ClientSession, options: AgentTestOptions) -> tuple[ApiClient, str, str]:
    """Returns a signed-in client, the path of the workspace and the agent's id."""
    if options.url:
        api, workspace, known = ApiClient(session, options.url), f"/workspaces/{options.workspace}", ""
        api.token = options.key
    else:
        addresses = read_addresses(options.state)
        api, workspace, known = (
            ApiClient(session, addresses.control),
            f"/workspaces/{addresses.workspace_id}",
            addresses.agent_id,
        )
        await api.sign_in(**asdict(addresses.user))
    if not options.agent:
        if not known:
            raise AgentTestError("name the agent with --agent")
        return api, workspace, known
    listed = (await api.request("GET", f"{workspace}/agents?limit=200"))["agents"]
    found = [agent["id"] for agent in listed if options.agent in (agent["id"], agent["name"])]
    if not found:
        raise AgentTestError(f"the workspace has no agent {options.agent!r}")
    return api, workspace, found[0]


async def _load(api: ApiClient, path: str) -> CaseJob:
    planned = await api.request("GET", path)
    url = planned["test_case"]["recording_url"]
    recording = await api.download(f"{url}?redirect=false") if url else None
    return CaseJob(planned["test_case"], planned["call_plan"], planned["at"], recording)


def _show(console: Console, name: str, report: Mapping[str, Any], done: int, count: int) -> None:
    faults = [report["error"]] if report["error"] else list_failures(report)
    state = "ERROR" if report["error"] else "FAIL" if faults else "ok"
    console.print(f"[{done}/{count}] {state:5} {name}", markup=False, soft_wrap=True)
    for fault in faults:
        console.print(f"        {fault}", markup=False, soft_wrap=True)


def _write(path: Path, outcome: CaseOutcome) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(PHONE_RATE)
        file.writeframes(outcome.pcm)
