"""A conversation with the receptionist in which each reply becomes heard text."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from media.providers.ports import ChatRequest, Message, ToolSpec
from media.providers.receptionist.dialogue_state import ReceptionistReply
from media.providers.receptionist.llm import ReceptionistLanguageModel
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
        self._llm = ReceptionistLanguageModel()

    @property
    def request(self) -> ChatRequest:
        """The request for the next reply."""
        return ChatRequest(self._prompt, tuple(self.messages), self._tools)

    def say(self, *said: str, heard: str | None = None) -> ReceptionistReply:
        """Sends one turn in one or more messages; heard: what the caller heard of the reply, by default all."""
        self.messages += [Message("user", text) for text in said]
        reply = self._llm.reply(self.request)
        text = reply.text if heard is None else heard
        if text:
            self.messages.append(Message("assistant", text))
        return reply

    def talk(self, *turns: str) -> ReceptionistReply:
        """Sends several turns; returns the reply to the last."""
        replies = [self.say(turn) for turn in turns]
        return replies[-1]
