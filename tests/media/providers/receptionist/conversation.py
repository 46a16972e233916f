"""Talks with the receptionist turn by turn, as the call does: what it said becomes what was heard."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from media.providers.ports import Ask, Message, ToolSpec
from media.providers.receptionist.brain import Receptionist
from media.providers.receptionist.state import Reply
from shared.plan import read_plan

PLAN: Final = read_plan(Path(__file__).parents[4] / "config" / "plans" / "local.json")
END_CALL: Final = ToolSpec("end_call", "Hangs up.", {"type": "object", "properties": {"reason": {"type": "string"}}})
TRANSFER: Final = ToolSpec("transfer", "Transfers.", {"type": "object", "properties": {}})


class Conversation:
    """One caller. prompt: the agent's facts, by default those of the plan that ships."""

    def __init__(
        self,
        tools: Sequence[ToolSpec] = (END_CALL,),
        greeting: str = PLAN.agent.greeting,
        prompt: str = PLAN.agent.prompt,
    ) -> None:
        self.messages = [Message("assistant", greeting)] if greeting else []
        self._tools = tools
        self._prompt = prompt
        self._brain = Receptionist()

    @property
    def ask(self) -> Ask:
        """The request for the next reply."""
        return Ask(self._prompt, tuple(self.messages), self._tools)

    def say(self, *said: str, heard: str | None = None) -> Reply:
        """The caller says something (in one or more messages); of the answer only `heard` is heard, if given."""
        self.messages += [Message("user", text) for text in said]
        reply = self._brain.reply(self.ask)
        text = reply.text if heard is None else heard
        if text:
            self.messages.append(Message("assistant", text))
        return reply

    def talk(self, *turns: str) -> Reply:
        """Several turns; returns the answer to the last."""
        replies = [self.say(turn) for turn in turns]
        return replies[-1]
