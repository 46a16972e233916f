"""AgentConfig: what an agent says and does, and the types of its changes. Its JSON Schema is published.

`plans/rules.py` turns a config into a call's plan. `merge_patch` of `rules.py` applies its changes,
which are JSON Merge Patches; the result is checked as an AgentConfig.
"""

import operator
from functools import cache, reduce
from operator import or_
from types import GenericAlias, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, create_model, model_validator
from pydantic.fields import FieldInfo

from control.accounts.rules import Address
from control.agents.config_parts import (
    MOST_ACTION_TOOLS,
    MOST_HTTP_TOOLS,
    MOST_KEYTERMS,
    MOST_MCP_TOOLS,
    UUID_PATTERN,
    ActionToolConfig,
    AdditionalLanguages,
    AgentCalendar,
    AnalysisConfig,
    ConfigPart,
    Keyterm,
    McpToolChoice,
    OpeningHours,
    Options,
    OutsideHours,
    PronunciationEntry,
    RemoteToolName,
    Turn,
    require_different,
    require_few,
    require_free_names,
    require_one_each,
    require_room,
    require_words,
)
from control.agents.destinations import LONGEST_TARGET, TARGET, callable_target, require_direct
from control.agents.variables import LONGEST_NAME, MOST_VARIABLES, VariableName, VariableValue
from control.http.body import LANGUAGE, PLAIN
from control.knowledge.rules import MOST_NAMED_DOCUMENTS
from control.tools.rules import ToolTitle
from control.validation import bounded_map
from control.voice.routing.rules import Provider
from shared.plan import MOST_PRONUNCIATIONS, FirstMessage, ToolName

SCHEMA_ID: Final = "/schemas/agent-config.json"
MOST_CHOICES: Final = 7  # a plan's chain holds eight: one is reserved for the agent's voice_provider
MOST_FACTS: Final = 100

FactName = VariableName
# Not of type UUID: stored configs hold texts.
DocumentId = Annotated[str, StringConstraints(pattern=UUID_PATTERN)]


class Choice(ConfigPart):
    """One provider of a fallback chain."""

    provider: Provider = Field(description="Name in the provider catalog.", examples=["groq"])
    options: Options = Field(
        default={},
        description="The provider's own options, such as model, voice, or the location where it computes; the "
        "catalog tells which may be set.",
        examples=[{"model": "llama-3.3-70b"}],
    )


Chain = Annotated[list[Choice], Field(max_length=MOST_CHOICES)]


class Speech(ConfigPart):
    """Who hears, thinks and speaks. Each list is a fallback chain, first choice first; an empty one means the
    workspace's and then the platform's default."""

    stt: Chain = Field(default=[], description="Speech to text: 0 to 7 providers.")
    llm: Chain = Field(default=[], description="Language model: 0 to 7 providers.")
    tts: Chain = Field(
        default=[], description="Text to speech: 0 to 7 providers; the agent's voice_provider goes before them."
    )


class Limits(ConfigPart):
    """When a call is nudged or ended; 0 turns a limit off."""

    max_duration_s: int = Field(default=3_600, ge=0, le=86_400, description="Longest call, seconds.", examples=[3600])
    idle_nudge_s: int = Field(
        default=10,
        ge=0,
        le=86_400,
        description="Seconds of silence on both sides after which the agent asks who is there.",
        examples=[10],
    )
    silence_s: int = Field(
        default=30, ge=0, le=86_400, description="Seconds of silence on both sides that end the call.", examples=[30]
    )
    reply_s: float = Field(
        default=8.0,
        ge=0,
        le=60,
        allow_inf_nan=False,
        description="Longest silence, seconds, that a caller hears while a reply is due: the agent apologizes after "
        "three quarters of it at the latest.",
        examples=[8.0],
    )
    filler_s: float = Field(
        default=1.2,
        ge=0,
        le=60,
        allow_inf_nan=False,
        description="Seconds of silence after the caller's speech until the agent says that it is busy, because a "
        "reply is late.",
        examples=[1.2],
    )


class MessageDelivery(ConfigPart):
    """Where the messages go that callers leave by the tool take_message."""

    email_to: list[Address] = Field(
        default=[],
        max_length=5,
        description="Confirmed addresses of members of the workspace, up to 5; empty: its owners. Each message is sent "
        "to all of them when the call is over, up to 100 a day.",
        examples=[["ada@example.com"]],
    )


class KnowledgeScope(ConfigPart):
    """In which documents the agent searches by the tool search_knowledge."""

    document_ids: Annotated[list[DocumentId], AfterValidator(require_different)] = Field(
        default=[],
        max_length=MOST_NAMED_DOCUMENTS,
        description="Documents of the workspace, up to 50; empty: all of them, those that are added later included.",
        examples=[["01966f4e-7c5a-7d3e-9b1f-3c2a1d4e5f60"]],
    )


class Recording(ConfigPart):
    """Whether calls are recorded, and how callers consent to it: a recording without consent is refused."""

    enabled: bool = Field(default=False, description="Record calls.")
    consent: Literal["none", "announced", "given_otherwise"] = Field(
        default="none",
        description="announced: the agent says `announcement` to its end before its greeting, and the recording begins "
        "then. given_otherwise: callers have consented before, as `statement` tells; the whole call is recorded.",
    )
    announcement: str = Field(
        default="",
        max_length=500,
        pattern=PLAIN,
        description="Said at the start of a recorded call, and not interruptible; up to 500 characters; may hold "
        "{placeholders}.",
        examples=["This call is recorded."],
    )
    # Left out where they are not set: programs of the previous version refuse them.
    refusal_words: list[Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=PLAIN)]] = Field(
        default=[],
        max_length=20,
        exclude_if=operator.not_,
        description="What a caller says who refuses a recording that was announced, up to 20 texts of up to 100 "
        "characters, besides sentences such as 'don't record me'. They count until the agent's first answer; one or "
        "two words, such as 'no', only as a whole sentence that answers no question of the greeting. Later only "
        "longer ones count, as a whole sentence.",
        examples=[["no", "I would rather you did not"]],
    )
    refusal_key: str = Field(
        default="",
        pattern=r"^[1-9*#]?$",
        exclude_if=operator.not_,
        description="The key with which a caller refuses a recording that was announced: 1 to 9, * or #; empty: none. "
        "0 reaches a person.",
        examples=["9"],
    )
    statement: str = Field(
        default="",
        max_length=1_000,
        pattern=PLAIN,
        description="Where and how callers gave their consent; up to 1000 characters; kept with the version as proof.",
        examples=["Callers agree in our terms of service, section 4."],
    )

    @model_validator(mode="after")
    def _consented(self) -> "Recording":
        if self.enabled and self.consent == "none":
            raise ValueError("needs consent: announced (with an announcement), or given_otherwise")
        if self.enabled and self.consent == "announced" and not self.announcement.strip():
            raise ValueError("needs the announcement's text for consent by announcement")
        if self.enabled and self.consent == "given_otherwise" and not self.statement.strip():
            raise ValueError("needs a statement of where and how callers gave their consent otherwise")
        return self


class Variable(ConfigPart):
    """A placeholder that each call may fill with a value of its own."""

    default: VariableValue = Field(
        default="",
        description="Fills the placeholder in calls that bring no value; inbound calls bring none. One "
        "line of up to 500 characters; empty: the fact of this name, else nothing.",
        examples=["there"],
    )
    required: bool = Field(default=False, description="An outbound or test call that brings no value is refused.")


def _is_none(value: object) -> bool:
    return value is None


class AgentConfig(ConfigPart):
    """What an agent says and does. Texts may hold {placeholders}, filled when a call begins: by the call's own
    variables, by `variables`, by `facts`, and by what the platform knows, in this order."""

    prompt: str = Field(
        default="",
        max_length=30_000,
        pattern=PLAIN,
        description="Instructions and facts for the language model; up to 30,000 characters.",
        examples=["You answer the phone of {business_name}. Book appointments and take messages."],
    )
    greeting: str = Field(
        default="",
        max_length=1_400,
        pattern=PLAIN,
        description="The agent's first words, up to 1,400 characters; empty: the agent waits for the caller.",
        examples=["Hello, this is {business_name}. How can I help you?"],
    )
    # Left out where they are not set: programs of the previous version refuse them.
    first_message: FirstMessage = Field(
        default="agent_first",
        exclude_if="agent_first".__eq__,
        description="agent_first: the agent says its greeting at once. wait_for_caller: it waits, and its greeting "
        "answers the caller's first words; it comes without them after idle_nudge_s seconds of silence.",
    )
    greeting_interruptible: bool = Field(
        default=True,
        exclude_if=bool,
        description="false: the greeting is said to its end whatever the caller says, which is answered after it.",
    )
    disclosure: str = Field(
        default="",
        max_length=500,
        pattern=PLAIN,
        exclude_if=operator.not_,
        description="Says that an artificial voice speaks, where the law demands it: said to its end before anything "
        "else; up to 500 characters; empty: nothing is said.",
        examples=["You are speaking with our digital assistant."],
    )
    language: str = Field(
        default="en", max_length=20, pattern=LANGUAGE, description="BCP 47 tag, such as en or pt-BR.", examples=["en"]
    )
    additional_languages: AdditionalLanguages = Field(default=[])
    goodbye: str = Field(
        default="Goodbye.",
        max_length=400,
        pattern=PLAIN,
        description="The agent's last words when it ends a call; up to 400 characters.",
        examples=["Thank you for calling. Goodbye."],
    )
    voicemail_message: str = Field(
        default="",
        max_length=1_000,
        pattern=PLAIN,
        exclude_if=operator.not_,
        description="Left after the beep when an answering machine takes an outbound call, which ends then; up to "
        "1,000 characters; may hold {placeholders}; empty: the call ends as soon as the machine is detected.",
        examples=["This is Riverside Dental. Please call us back."],
    )
    # Left out where they are the defaults: programs of the previous version refuse an unknown field.
    call_screening: Literal["answer", "end"] = Field(
        default="answer",
        exclude_if=lambda rule: rule == "answer",
        description="A called phone that asks who calls and why (call screening): answer it, or end the call as at an "
        "answering machine.",
    )
    screening_message: str = Field(
        default="",
        max_length=1_000,
        pattern=PLAIN,
        exclude_if=operator.not_,
        description="Said to call screening; 1,000 characters; may hold {placeholders}; empty: the model answers.",
        examples=["This is Riverside Dental about your appointment."],
    )
    facts: Annotated[
        dict[FactName, Annotated[str, StringConstraints(min_length=1, max_length=4_000, pattern=PLAIN)]],
        bounded_map(MOST_FACTS, LONGEST_NAME),
    ] = Field(
        default={},
        max_length=MOST_FACTS,
        description="What the {placeholders} of prompt, greeting, goodbye and announcements stand for; up to 100.",
        examples=[{"business_name": "Riverside Dental"}],
    )
    # Left out where it is empty: programs of the previous version refuse an unknown field.
    variables: Annotated[dict[FactName, Variable], bounded_map(MOST_VARIABLES, LONGEST_NAME)] = Field(
        default={},
        max_length=MOST_VARIABLES,
        exclude_if=operator.not_,
        description="The placeholders that a call's own `variables` may fill, up to 50, and what fills them otherwise.",
        examples=[{"customer_name": {"default": "there", "required": False}}],
    )
    speech: Speech = Field(default=Speech(), description="Providers; left out, the defaults.")
    voices: dict[Provider, Options] = Field(
        default={},
        max_length=8,
        description="Options of each voice provider, used whenever it speaks for this agent, as first choice or as "
        "fallback: so that a fallback sounds alike.",
        examples=[{"cartesia": {"speed": 1.1}}],
    )
    # Left out where they are empty: programs of the previous version refuse an unknown field.
    pronunciations: Annotated[list[PronunciationEntry], AfterValidator(require_one_each)] = Field(
        default=[],
        max_length=MOST_PRONUNCIATIONS,
        exclude_if=operator.not_,
        description="How the agent says words that voices get wrong, such as names; up to 200. Transcripts keep "
        "them as they are written.",
    )
    keyterms: Annotated[list[Keyterm], AfterValidator(require_words)] = Field(
        default=[],
        max_length=MOST_KEYTERMS,
        exclude_if=operator.not_,
        description="Words and names that callers are likely to say, the most important first; up to 50 of up to 60 "
        "characters. Recognizers that can be told expect them, and with them the known caller's name.",
        examples=[["Invisalign", "Dr. Okonkwo"]],
    )
    turn: Turn = Field(default=Turn(), description="When the caller's turn ends, and whether the caller may interrupt.")
    tools: Annotated[list[Literal[ToolName, RemoteToolName]], AfterValidator(require_different)] = Field(
        default=["end_call", "collect_digits", "transfer"],
        max_length=12,
        description="What the agent may do besides talking; transfer needs a fallback_number. send_digits presses keys "
        "for the menu of a phone system at the other end. call_context tells it "
        "the business's name, local date and time, and the numbers of the call. take_message stores a caller's message "
        "and sends it by e-mail. look_up_contact tells it who the customer is, by the number of the call. "
        "check_availability and book_appointment use the connected calendar; cancel_appointment and "
        "move_appointment change what the caller has booked by phone. search_knowledge finds passages of the "
        "workspace's documents.",
    )
    record_sent_digits: bool = Field(
        default=True, exclude_if=bool, description="false: no event says which keys send_digits presses, as for PINs."
    )
    # Left out where they are empty: programs of the previous version refuse an unknown field.
    http_tools: Annotated[list[ToolTitle], AfterValidator(require_different)] = Field(
        default=[],
        max_length=MOST_HTTP_TOOLS,
        exclude_if=operator.not_,
        description="Names of the workspace's HTTP tools that the agent may use, up to 20.",
        examples=[["check_stock"]],
    )
    mcp_tools: Annotated[list[McpToolChoice], AfterValidator(require_few)] = Field(
        default=[],
        max_length=MOST_MCP_TOOLS,
        exclude_if=operator.not_,
        description="Tools of the workspace's MCP servers that the agent may use, up to 32 in all.",
    )
    action_tools: Annotated[list[ActionToolConfig], AfterValidator(require_free_names)] = Field(
        default=[],
        max_length=MOST_ACTION_TOOLS,
        exclude_if=operator.not_,
        description="Actions of connected integrations that the agent may use, up to 20; with http_tools and mcp_tools "
        "at most 52 tools.",
    )
    limits: Limits = Field(default=Limits(), description="When a call is nudged or ended.")
    recording: Recording = Field(default=Recording(), description="Recording and consent.")
    fallback_number: Annotated[str, AfterValidator(callable_target)] = Field(
        default="",
        pattern=TARGET,
        max_length=LONGEST_TARGET,
        description="Where callers go who ask for a person: E.164, number;ext=204, or a SIP address; empty: a message.",
        examples=["+12025550199"],
    )
    # Parts that programs of the previous version refuse are left out where they are not set.
    transfer_mode: Annotated[Literal["blind", "warm"], AfterValidator(require_direct)] = Field(
        default="blind",
        exclude_if="blind".__eq__,
        description="How the tool transfer works. blind: the caller is put through at once, and comes back if nobody "
        "answers. warm: the caller stays with the agent while the fallback_number is called, hears a brief and accepts "
        "by a key or a word; not for a number with an extension.",
    )
    hours: OpeningHours | None = Field(
        default=None, exclude_if=_is_none, description="Opening hours in the workspace's time zone; null: always open."
    )
    outside_hours: OutsideHours = Field(
        default=OutsideHours(),
        exclude_if=OutsideHours().__eq__,
        description="How inbound calls outside the opening hours are answered.",
    )
    calendar: AgentCalendar = Field(
        default=AgentCalendar(),
        exclude_if=AgentCalendar().__eq__,
        description="Which calendar the tools use, and which times they offer.",
    )
    messages: MessageDelivery = Field(
        default=MessageDelivery(),
        exclude_if=MessageDelivery().__eq__,
        description="Where callers' messages are sent.",
    )
    analysis: AnalysisConfig = Field(
        default=AnalysisConfig(),
        exclude_if=AnalysisConfig().__eq__,
        description="What is made of a call when it is over.",
    )
    knowledge: KnowledgeScope = Field(
        default=KnowledgeScope(),
        exclude_if=KnowledgeScope().__eq__,
        description="In which documents the agent searches.",
    )

    @model_validator(mode="after")
    def _require_room(self) -> "AgentConfig":
        require_room(self.http_tools, self.mcp_tools, self.action_tools)
        return self


@cache
def json_schema() -> dict[str, Any]:
    """Return the published JSON Schema (draft 2020-12). Its descriptions state the rules that are checked in addition:
    recording needs consent, and callers can be transferred to fallback_number."""
    schema: dict[str, Any] = _closed(AgentConfig.model_json_schema())
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID, **schema}


def _closed(schema: Any) -> Any:
    """Forbids other names where names have a pattern, as the validation does."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(part) for name, part in schema.items()}
    return {**closed, "additionalProperties": False} if "patternProperties" in closed else closed


def make_patch_model(model: type[ConfigPart]) -> type[BaseModel]:
    """Return the model of a change: the same fields, each optional, and null removes one.

    Parts are merged and may be changed in part, too; a list replaces the one before.
    """
    fields = {name: _patch_field(field) for name, field in model.model_fields.items()}
    made: type[BaseModel] = create_model(
        f"{model.__name__}Patch",
        __config__=ConfigDict(extra="forbid"),
        __doc__=f"A change, in which null removes a field and fields left out stay. {model.__doc__}",
        **fields,
    )
    return made


def _patch_field(field: FieldInfo) -> Any:
    kind: Any = _patch_type(field.annotation)
    if field.metadata:
        kind = Annotated[kind, *field.metadata]
    return kind | None, Field(default=None, description=field.description, examples=field.examples)


def _patch_type(kind: Any) -> Any:
    if isinstance(kind, type) and issubclass(kind, ConfigPart):
        return make_patch_model(kind)
    if get_origin(kind) is Annotated:
        base, *metadata = get_args(kind)
        return Annotated[_patch_type(base), *metadata]
    if get_origin(kind) in (Union, UnionType):
        return reduce(or_, [_patch_type(each) for each in get_args(kind)])
    if get_origin(kind) is dict:
        key, value = get_args(kind)
        return GenericAlias(dict, (key, _patch_type(value) | None))
    return kind


AgentConfigPatch: Final = make_patch_model(AgentConfig)
OPTIONS_PATCH: Final = _patch_type(Options)
