"""A call's conversation by turns, made from its events. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from pydantic import Field

from control.knowledge.citations import TOOL_NAME, Citation, read_citations

LATENCY: Final = ("total_ms", "endpoint_ms", "stt_ms", "llm_first_token_ms", "tts_first_byte_ms", "playback_ms")


@dataclass(slots=True)
class ConversationTurn:
    """What the caller said, and what the caller heard of the answer."""

    turn: Annotated[int, Field(description="Number of the turn; 0 is the greeting.", examples=[1])]
    caller: Annotated[
        str, Field(description="What the caller said; empty for nothing.", examples=["I need an appointment."])
    ] = ""
    agent: Annotated[
        str,
        Field(
            description="What the caller heard of the agent's answer; empty for nothing.",
            examples=["Of course. Which day suits you?"],
        ),
    ] = ""
    start_ms: Annotated[
        int | None, Field(description="When it began, in ms since the call began.", examples=[4200])
    ] = None
    interrupted: Annotated[bool, Field(description="Whether the caller interrupted the agent.")] = False
    latency_ms: Annotated[
        dict[str, int] | None,
        Field(
            description="Ms from the end of the caller's speech to the agent's first audible sound, as the "
            "caller perceived it (`total`), and its parts; null without an answer.",
            examples=[
                {"total": 640, "endpoint": 220, "stt": 90, "llm_first_token": 210, "tts_first_byte": 80, "playback": 40}
            ],
        ),
    ] = None
    tools: Annotated[
        list[str], Field(description="Names of the tools that the agent used.", examples=[["collect_digits"]])
    ] = field(default_factory=list)
    citations: Annotated[list[Citation], Field(description="Passages of documents that the model was given.")] = field(
        default_factory=list
    )


def make_turns(events: Iterable[Mapping[str, Any]]) -> list[ConversationTurn]:
    """events: their data with the type in it, in the order of their numbers."""
    turns: dict[int, ConversationTurn] = {}
    for event in events:
        number = event.get("turn")
        if not isinstance(number, int):
            continue
        turn = turns.setdefault(number, ConversationTurn(number))
        match event["type"]:
            case "caller.said":
                turn.caller = _joined(turn.caller, event["text"])
                turn.start_ms = max(0, event["start_ms"])
            case "agent.said":
                turn.agent = _joined(turn.agent, event["text"])
                turn.interrupted = turn.interrupted or event.get("interrupted", False)
                turn.start_ms = max(0, event["start_ms"]) if turn.start_ms is None else turn.start_ms
            case "turn.latency":
                turn.latency_ms = {name.removesuffix("_ms"): event.get(name, 0) for name in LATENCY}
            case "tool.ran":
                turn.tools.append(event["name"])
                if event["name"] == TOOL_NAME and event.get("ok"):
                    turn.citations += read_citations(event.get("result", ""))
    return [turns[number] for number in sorted(turns)]


def _joined(before: str, more: str) -> str:
    return f"{before} {more}".strip()
