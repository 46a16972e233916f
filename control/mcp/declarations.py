"""The API operations that are MCP tools, with the effect of each tool.

Schemas and descriptions come from the OpenAPI document. The tools are few, because all of them fill a model's context,
and because the person who connects a program must be able to see what it can do.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

# Maximum number of characters of a text in a result.
LONGEST_TEXT: Final = 2_000
# Maximum number of characters of an agent's prompt, which is useless without its end.
LONGEST_PROMPT: Final = 30_000


class ToolEffect(StrEnum):
    """The effect of a tool.

    Every connection has the reading tools; it requests tools with other effects by these names.
    """

    READ = "read"
    WRITE = "write"  # Changes data reversibly.
    CALLS = "calls"  # Dials a phone number or ends a call.
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class ToolDeclaration:
    """The declaration of an MCP tool.

    Attributes:
        operation: Id of the API operation.
        hint: Added to the operation's description for the model.
        summary: Replaces the operation's description, for a tool that returns a part of the answer.
        has_outside_words: Whether results contain words of callers or texts of documents.
        omitted: Dotted paths of properties that results leave out.
        sliced: Dotted path of the list that is the whole result. It is returned in parts, by `offset`.
        longest_text: Maximum number of characters of a text in the result.
        is_repeatable: Whether a second call with equal arguments changes nothing.
    """

    name: str
    operation: str
    effect: ToolEffect = ToolEffect.READ
    hint: str = ""
    summary: str = ""
    has_outside_words: bool = False
    omitted: tuple[str, ...] = ()
    sliced: str = ""
    longest_text: int = LONGEST_TEXT
    is_repeatable: bool = False

    @property
    def sliced_path(self) -> list[str]:
        """The path to the sliced list as names; empty if the tool has no sliced list."""
        return self.sliced.split(".") if self.sliced else []


TOOLS: Final = (
    ToolDeclaration("get_workspace", "get_workspace"),
    ToolDeclaration("list_agents", "list_agents", hint="get_agent has the config of one."),
    ToolDeclaration("get_agent", "get_agent", longest_text=LONGEST_PROMPT),
    ToolDeclaration("list_phone_numbers", "list_numbers"),
    ToolDeclaration(
        "list_calls",
        "list_calls",
        hint="Searches transcripts by `q`. get_call and get_transcript have the details of one call.",
        has_outside_words=True,
    ),
    ToolDeclaration("list_live_calls", "list_live", has_outside_words=True, sliced="active_calls"),
    ToolDeclaration(
        "get_call",
        "get_call",
        summary="A call with its times, outcome, usage, costs and summary, without what was said",
        hint="What was said is in get_transcript. `recording_url` is a path of the API, which needs the API key.",
        has_outside_words=True,
        omitted=("transcription", "call.turns"),
    ),
    ToolDeclaration(
        "get_transcript",
        "get_call",
        summary="What caller and agent said in a call, by turn, in parts",
        has_outside_words=True,
        omitted=("call.turns.latency_ms", "call.turns.citations"),
        sliced="call.turns",
    ),
    ToolDeclaration("list_messages", "list_messages", has_outside_words=True),
    ToolDeclaration("get_call_figures", "get_call_overview"),
    ToolDeclaration("list_agent_figures", "list_agent_figures"),
    ToolDeclaration("get_charges", "get_charges"),
    ToolDeclaration("get_current_usage", "get_current_period"),
    ToolDeclaration("list_invoices", "list_invoices"),
    ToolDeclaration("list_documents", "list_documents", has_outside_words=True),
    ToolDeclaration("search_knowledge", "search_knowledge", has_outside_words=True),
    ToolDeclaration("list_blocked_callers", "list_blocked_callers"),
    ToolDeclaration("list_campaigns", "list_campaigns", hint="get_campaign_progress has the figures of one."),
    ToolDeclaration("get_campaign_progress", "get_campaign_progress"),
    ToolDeclaration("list_do_not_call_numbers", "list_do_not_call_numbers", has_outside_words=True),
    ToolDeclaration("activate_agent", "activate_agent", ToolEffect.WRITE, is_repeatable=True),
    ToolDeclaration("pause_agent", "pause_agent", ToolEffect.WRITE, is_repeatable=True),
    ToolDeclaration("pause_campaign", "pause_campaign", ToolEffect.WRITE, is_repeatable=True),
    ToolDeclaration("block_caller", "block_caller", ToolEffect.WRITE),
    ToolDeclaration(
        "add_document",
        "add_document",
        ToolEffect.WRITE,
        summary="Adds a document, whose words agents may then say to callers",
        hint="`text` may have some 200,000 characters here. The document's status tells when agents find it.",
    ),
    ToolDeclaration(
        "place_call",
        "place_call",
        ToolEffect.CALLS,
        hint="It dials a real phone and costs money. Use a new idempotency_key for each call that is wanted; only to "
        "repeat one of unknown outcome the same: with a used one nobody is dialed, and the answer says `replayed`. "
        "get_call tells how it went.",
    ),
    ToolDeclaration("end_call", "end_call", ToolEffect.CALLS, hint="Whoever is on the phone is cut off."),
    ToolDeclaration("unblock_caller", "unblock_caller", ToolEffect.DELETE, is_repeatable=True),
    ToolDeclaration("delete_document", "delete_document", ToolEffect.DELETE, is_repeatable=True),
)
