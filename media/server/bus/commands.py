"""Carries out commands from control: each once, however often it is read, and with an answer."""

import asyncio
from collections import OrderedDict
from typing import Final

from media.call.call import Call
from media.server.bus.call_heartbeats import CallHeartbeats
from media.server.bus.tasks import cancel_and_wait, run_forever
from media.server.metrics import Metrics
from shared.bus.commands import DONE, CallCommand, CommandStream, EndCall, SayText, TransferCall
from shared.events import CallCommanded

# Ids remembered to recognise repeats.
MAX_REMEMBERED: Final = 2_000
UNKNOWN_CALL: Final = "unknown_call"
ENDING: Final = "ending"


class CommandConsumer:
    """Reads the node's commands. wait_s: longest wait of one read; must be less than the Redis client's timeout."""

    def __init__(
        self, commands: CommandStream, node_id: str, heartbeats: CallHeartbeats, metrics: Metrics, wait_s: float
    ) -> None:
        self._commands, self._node_id, self._heartbeats = commands, node_id, heartbeats
        self._metrics, self._wait_s = metrics, wait_s
        self._position = "0"
        self._outcomes: OrderedDict[str, str] = OrderedDict()  # by command id
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Starts the task."""
        self._task = asyncio.create_task(run_forever("commands", self._step, self._metrics))

    async def close(self) -> None:
        """Stops the task."""
        await cancel_and_wait(self._task)

    async def _step(self) -> None:
        position, commands = await self._commands.read(self._node_id, self._position, self._wait_s)
        for command in commands:
            # If an answer cannot be sent, the position stays, so the command is read and answered again.
            await self._commands.answer(command.id, self._outcome(command))
        self._position = position

    def _outcome(self, command: CallCommand) -> str:
        if command.id not in self._outcomes:
            self._outcomes[command.id] = self._execute(command)
            if len(self._outcomes) > MAX_REMEMBERED:
                self._outcomes.popitem(last=False)
        return self._outcomes[command.id]

    def _execute(self, command: CallCommand) -> str:
        call = self._heartbeats.find(command.call_id)
        if call is None:
            return UNKNOWN_CALL
        termination = call.termination
        # A goodbye that the caller may interrupt does not prevent a command that ends the call for good.
        if termination.is_final or (termination.reason is not None and isinstance(command.command, SayText)):
            return ENDING
        return _execute(call, command)


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
