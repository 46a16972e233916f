"""Tools that control runs: the port for requests, and the tool for an entry of the plan."""

from dataclasses import dataclass
from typing import Final, Protocol

from media.providers.ports import ToolSpec
from media.tools.fillers import first_filler
from media.tools.tool import Tool, ToolError
from shared.plan import ToolPlan

DEFAULT_REMOTE_TIMEOUT_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class ToolRequest:
    """A request to run a tool.

    Attributes:
        arguments: The JSON that the model wrote.
        run_id: The idempotency key. A repeated request with this key, even from another node, gets the first outcome.
    """

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
        """Run a tool and return its result as text for the model. Raises ToolError."""


@dataclass(frozen=True, slots=True)
class CallIdentity:
    """The IDs of a call, its workspace and its agent."""

    call_id: str
    workspace_id: str
    agent_id: str


def make_remote_tool(plan: ToolPlan, remote: RemoteTools | None, call: CallIdentity, language: str) -> Tool:
    """Return a tool that control runs.

    The tool is always repeatable, because control runs each run ID only once. The plan's `repeatable` is for control,
    which may then repeat a tool whose outcome it has lost.

    Args:
        remote: Runs the tool. None in a stand-alone server.
        language: The language of the filler.
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
