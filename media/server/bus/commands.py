"""Carries out control's commands at most once, and answers them."""

from collections import OrderedDict
from typing import Final

from media.call.call import Call
from media.server.bus.call_heartbeats import CallHeartbeats
from media.server.bus.tasks import start_bus_task, stop_task
from media.server.metrics import Metrics
from shared.bus.commands import DONE, OUTCOME_UNKNOWN, CallCommand, CommandStream, EndCall, SayText, TransferCall
from shared.events import CallCommanded
from shared.supervised_task import SupervisedTask

# The number of executed commands whose outcomes are stored to answer repeated commands.
MAX_REMEMBERED: Final = 2_000
UNKNOWN_CALL: Final = "unknown_call"
ENDING: Final = "ending"


class CommandConsumer:
    """Reads the node's commands. `wait_s`, the longest wait of one read, must be less than the Redis client's
    timeout."""

    def __init__(
        self, commands: CommandStream, node_id: str, heartbeats: CallHeartbeats, metrics: Metrics, wait_s: float
    ) -> None:
        self._commands, self._node_id, self._heartbeats = commands, node_id, heartbeats
        self._metrics, self._wait_s = metrics, wait_s
        self._position = "0"
        self._outcomes: OrderedDict[str, str] = OrderedDict()  # by command ID
        self.task: SupervisedTask | None = None

    def start(self) -> None:
        """Start the task."""
        self.task = start_bus_task("commands", self._step, self._metrics)

    async def close(self) -> None:
        """Stop the task."""
        await stop_task(self.task)

    async def _step(self) -> None:
        position, commands = await self._commands.read(self._node_id, self._position, self._wait_s)
        for command in commands:
            # If an answer cannot be sent, the position stays, so that the command is read and answered again.
            outcome = await self._outcome(command)
            await self._commands.answer(command.id, outcome, is_sealed=command.is_sealed)
        self._position = position

    async def _outcome(self, command: CallCommand) -> str:
        """Carry out a command and return its outcome. A refused command is not claimed, so it may be sent again and
        carried out by any node."""
        known = self._outcomes.get(command.id)
        if known is not None:
            return known
        if isinstance(refusal := self._find_call(command), str):
            return refusal
        if not await self._commands.claim(command):
            return OUTCOME_UNKNOWN
        call = self._find_call(command)  # the call may have begun to end in the meantime
        return self._remember(command.id, call if isinstance(call, str) else _execute(call, command))

    def _remember(self, command_id: str, outcome: str) -> str:
        self._outcomes[command_id] = outcome
        if len(self._outcomes) > MAX_REMEMBERED:
            self._outcomes.popitem(last=False)
        return outcome

    def _find_call(self, command: CallCommand) -> Call | str:
        """Return the call, or the reason why the command cannot be carried out now."""
        call = self._heartbeats.find(command.call_id)
        if call is None:
            return UNKNOWN_CALL
        termination = call.termination
        # A goodbye that the caller may interrupt does not prevent a command that ends the call.
        if termination.is_final or (termination.reason is not None and isinstance(command.command, SayText)):
            return ENDING
        return call


def _execute(call: Call, command: CallCommand) -> str:
    name = command.command.__struct_config__.tag
    call.record_event(CallCommanded(round(call.elapsed_ms), str(name), command.id))
    match command.command:
        case EndCall(end_reason=reason, polite=polite):
            call.end(reason, polite=polite)
        case SayText(text=text):
            call.say(text)
        case TransferCall(number=number, words=words):
            call.transfer(number, words)
    return DONE
