"""What the calls of a rehearsal of pairings share: a media node, an account of each vendor, and control's tools."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.scenarios.failover.cell_call import CallSetting
from lab.scenarios.pairings.control_tools import ControlTools
from lab.scenarios.pairings.model_script import answer_with_tools, is_running
from lab.stage.conversation import read_conversation, reply_to
from lab.stage.media_nodes import running_nodes
from lab.stage.vendor_accounts import running_accounts
from simulator.vendors.certificate import make_certificate
from simulator.vendors.chat_reply import ChatReply


@dataclass(slots=True)
class ScriptedModels:
    """What all simulated models answer. tools: of the calls; a call's prompt has its id."""

    tools: ControlTools = field(default_factory=ControlTools)

    def reply_to(self, body: Mapping[str, Any]) -> ChatReply:
        """The reply to a request of chat completions, whether it offers tools or not. Lets the slow tool answer once
        the model knows that it runs."""
        if not body.get("tools"):
            return reply_to(body)
        if is_running(body):
            self._let_answer(str(body["messages"][0]["content"]))
        return answer_with_tools(body)

    def _let_answer(self, prompt: str) -> None:
        for call_id, call in self.tools.calls.items():
            if call_id in prompt:
                call.may_answer.set()


@dataclass(frozen=True, slots=True)
class PairingPlatform:
    """calls: what calls need. tools: what was asked of control."""

    calls: CallSetting
    tools: ControlTools


@asynccontextmanager
async def running_pairing_platform(root: Path, folder: Path) -> AsyncIterator[PairingPlatform]:
    """root: the checkout. folder: as `running_platform`'s."""
    certificate, conversation, models = make_certificate(folder), read_conversation(root), ScriptedModels()
    async with AsyncExitStack() as running:
        nodes = await running.enter_async_context(running_nodes(root, folder, certificate))
        serving = running_accounts(certificate, conversation.make_ear, models.reply_to)
        accounts = await running.enter_async_context(serving)
        await running.enter_async_context(models.tools.running(nodes.requests))
        yield PairingPlatform(CallSetting(accounts, nodes, conversation), models.tools)
