"""Tools that control runs: the port for requests, and a tool made from the plan."""

from dataclasses import dataclass
from typing import Final, Protocol

from media.providers.ports import ToolSpec
from media.tools.fillers import first_filler
from media.tools.tool import Tool, ToolError
from shared.plan import ToolPlan

DEFAULT_REMOTE_TIMEOUT_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class ToolRequest:
    """One request to run a tool. arguments: JSON as the model wrote it. run_id: idempotency key; a request that is
    repeated with it, also by another node, gets the outcome of the first."""

    name: str
    arguments: bytes
    run_id: str
    call_id: str
    workspace_id: str
    agent_id: str
    timeout_s: float


class RemoteTools(Protocol):
    """Runs the tools that media cannot run itself."""

    async def run(self, call: ToolRequest) -> str:
        """Raises ToolError."""


@dataclass(frozen=True, slots=True)
class CallIdentity:
    """Whose call it is."""

    call_id: str
    workspace_id: str
    agent_id: str


def make_remote_tool(plan: ToolPlan, remote: RemoteTools | None, call: CallIdentity, language: str) -> Tool:
    """Makes a tool that control runs. remote: None where there is no control (a stand-alone server). language: of the
    filler.

    It is repeatable whatever the plan says, because control runs one run id once. The plan's `repeatable` is for
    control: it may run a tool again whose outcome it has lost.
    """
    timeout_s = DEFAULT_REMOTE_TIMEOUT_S if plan.timeout_s is None else plan.timeout_s

    async def run(arguments: bytes, run_id: str) -> str:
        if remote is None:
            raise ToolError(f"{plan.name} is not available")
        request = ToolRequest(
            name=plan.name,
            arguments=arguments,
            run_id=run_id,
            call_id=call.call_id,
            workspace_id=call.workspace_id,
            agent_id=call.agent_id,
            timeout_s=timeout_s,
        )
        return await remote.run(request)

    return Tool(
        ToolSpec(plan.name, plan.description, plan.parameters or {"type": "object", "properties": {}}),
        run,
        timeout_s,
        filler=first_filler(language) if plan.filler is None else plan.filler,
        ends_call=plan.ends_call,
        secret=plan.secret,
        repeatable=True,
    )
