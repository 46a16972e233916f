"""AgentConfig: what an agent says and does, and the types of its changes. Its JSON Schema is published.

`plans/rules.py` converts a config to a call's plan. `merge_patch` of `rules.py` applies changes, which are JSON Merge
Patches; the result is validated as an AgentConfig.
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
MOST_CHOICES: Final = 7  # A plan's chain has eight places, of which one is reserved for the agent's voice_provider.
MOST_FACTS: Final = 100

FactName = VariableName
# A text instead of the type UUID, because stored configs contain texts.
DocumentId = Annotated[str, StringConstraints(pattern=UUID_PATTERN)]


class Choice(ConfigPart):
    """A provider in a fallback chain."""

    provider: Provider = Field(description="Name of the provider in the catalog.", examples=["groq"])
    options: Options = Field(
        default={},
        description="The provider's own options, such as model, voice, or the location where it computes. The "
        "catalog lists the options that may be set.",
        examples=[{"model": "llama-3.3-70b"}],
    )


Chain = Annotated[list[Choice], Field(max_length=MOST_CHOICES)]


class Speech(ConfigPart):
    """The providers that listen, think and speak.

    Each list is a fallback chain, first choice first. An empty list uses the workspace's default, and then the
    platform's default.
    """

    stt: Chain = Field(default=[], description="Speech to text: 0 to 7 providers.")
    llm: Chain = Field(default=[], description="Language model: 0 to 7 providers.")
    tts: Chain = Field(
        default=[], description="Text to speech: 0 to 7 providers. The agent's voice_provider precedes them."
    )


class Limits(ConfigPart):
    """Time limits of a call, in seconds; 0 turns a limit off."""

    max_duration_s: int = Field(
        default=3_600, ge=0, le=86_400, description="Maximum duration of a call, in seconds.", examples=[3600]
    )
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
        description="Longest silence, in seconds, while a reply is due. The agent apologizes after three "
        "quarters of it at the latest.",
        examples=[8.0],
    )
    filler_s: float = Field(
        default=1.2,
        ge=0,
        le=60,
        allow_inf_nan=False,
        description="Seconds of silence after the caller's speech until the agent says that it is still "
        "working on a late reply.",
        examples=[1.2],
    )


class MessageDelivery(ConfigPart):
    """Recipients of the messages that callers leave through the tool take_message."""

    email_to: list[Address] = Field(
        default=[],
        max_length=5,
        description="Confirmed e-mail addresses of up to 5 members of the workspace; empty for its owners. "
        "Each message is sent to all of them when the call is over, up to 100 a day.",
        examples=[["ada@example.com"]],
    )


class KnowledgeScope(ConfigPart):
    """The documents that the agent searches with the tool search_knowledge."""

    document_ids: Annotated[list[DocumentId], AfterValidator(require_different)] = Field(
        default=[],
        max_length=MOST_NAMED_DOCUMENTS,
        description="Up to 50 documents of the workspace; empty for all documents, including documents added later.",
        examples=[["01966f4e-7c5a-7d3e-9b1f-3c2a1d4e5f60"]],
    )


class Recording(ConfigPart):
    """Whether calls are recorded, and how callers consent. A recording without consent is refused."""

    enabled: bool = Field(default=False, description="Whether calls are recorded.")
    consent: Literal["none", "announced", "given_otherwise"] = Field(
        default="none",
        description="`announced`: the agent says `announcement` to its end before its greeting, and then the "
        "recording begins. `given_otherwise`: callers have consented before, as described in "
        "`statement`, and the whole call is recorded.",
    )
    announcement: str = Field(
        default="",
        max_length=500,
        pattern=PLAIN,
        description="Said at the start of a recorded call and not interruptible; up to 500 characters; may "
        "contain {placeholders}.",
        examples=["This call is recorded."],
    )
    # Left out if they are not set, because programs of the previous release refuse them.
    refusal_words: list[Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=PLAIN)]] = Field(
        default=[],
        max_length=20,
        exclude_if=operator.not_,
        description="Phrases with which a caller refuses an announced recording, in addition to sentences such "
        "as 'don't record me'; up to 20 texts of up to 100 characters. They count until the "
        "agent's first answer. One or two words, such as 'no', count only as a whole sentence that "
        "answers no question of the greeting. Later only longer phrases count, as a whole sentence.",
        examples=[["no", "I would rather you did not"]],
    )
    refusal_key: str = Field(
        default="",
        pattern=r"^[1-9*#]?$",
        exclude_if=operator.not_,
        description="The key with which a caller refuses an announced recording: 1 to 9, * or #; empty for "
        "none. 0 reaches a person.",
        examples=["9"],
    )
    statement: str = Field(
        default="",
        max_length=1_000,
        pattern=PLAIN,
        description="Where and how callers gave their consent; up to 1000 characters. Kept with the version as proof.",
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
    """A placeholder that each call can fill with its own value."""

    default: VariableValue = Field(
        default="",
        description="Value for calls that bring no value, such as all inbound calls. A line of up to 500 "
        "characters. If it is empty, the fact with this name is used, or else nothing.",
        examples=["there"],
    )
    required: bool = Field(default=False, description="Whether an outbound or test call without a value is refused.")


def _is_none(value: object) -> bool:
    return value is None


class AgentConfig(ConfigPart):
    """What an agent says and does.

    Texts may contain {placeholders}, which are filled when a call begins: from the call's own variables, from
    `variables`, from `facts`, and from the platform's built-in values, in this order.
    """

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
    # Left out if they are not set, because programs of the previous release refuse them.
    first_message: FirstMessage = Field(
        default="agent_first",
        exclude_if="agent_first".__eq__,
        description="`agent_first`: the agent says its greeting immediately. `wait_for_caller`: the agent "
        "waits, and its greeting answers the caller's first words; without any, it follows after "
        "idle_nudge_s seconds of silence.",
    )
    greeting_interruptible: bool = Field(
        default=True,
        exclude_if=bool,
        description="Whether callers can interrupt the greeting. If false, the greeting is completed first, "
        "and the caller's words are answered afterwards.",
    )
    disclosure: str = Field(
        default="",
        max_length=500,
        pattern=PLAIN,
        exclude_if=operator.not_,
        description="Discloses that an artificial voice speaks, where the law requires it. Said to its end "
        "before anything else; up to 500 characters; empty to say nothing.",
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
        description="Message left after the beep if an answering machine takes an outbound call, which then "
        "ends. Up to 1,000 characters; may contain {placeholders}. If it is empty, the call ends "
        "as soon as the machine is detected.",
        examples=["This is Riverside Dental. Please call us back."],
    )
    # Left out if they have their defaults, because programs of the previous release refuse unknown fields.
    call_screening: Literal["answer", "end"] = Field(
        default="answer",
        exclude_if=lambda rule: rule == "answer",
        description="How to react if the called phone asks who is calling and why (call screening): answer, or "
        "end the call as at an answering machine.",
    )
    screening_message: str = Field(
        default="",
        max_length=1_000,
        pattern=PLAIN,
        exclude_if=operator.not_,
        description="Said to call screening; up to 1,000 characters; may contain {placeholders}; empty to let "
        "the model answer.",
        examples=["This is Riverside Dental about your appointment."],
    )
    facts: Annotated[
        dict[FactName, Annotated[str, StringConstraints(min_length=1, max_length=4_000, pattern=PLAIN)]],
        bounded_map(MOST_FACTS, LONGEST_NAME),
    ] = Field(
        default={},
        max_length=MOST_FACTS,
        description="Values of the {placeholders} in prompt, greeting, goodbye and announcements; up to 100.",
        examples=[{"business_name": "Riverside Dental"}],
    )
    # Left out if it is empty, because programs of the previous release refuse unknown fields.
    variables: Annotated[dict[FactName, Variable], bounded_map(MOST_VARIABLES, LONGEST_NAME)] = Field(
        default={},
        max_length=MOST_VARIABLES,
        exclude_if=operator.not_,
        description="Up to 50 placeholders that a call's own `variables` can fill, with their default values.",
        examples=[{"customer_name": {"default": "there", "required": False}}],
    )
    speech: Speech = Field(
        default=Speech(), description="Providers; default: the workspace's and the platform's defaults."
    )
    voices: dict[Provider, Options] = Field(
        default={},
        max_length=8,
        description="Options of each voice provider, used whenever the provider speaks for this agent, as "
        "first choice or as fallback, so that a fallback sounds similar.",
        examples=[{"cartesia": {"speed": 1.1}}],
    )
    # Left out if they are empty, because programs of the previous release refuse unknown fields.
    pronunciations: Annotated[list[PronunciationEntry], AfterValidator(require_one_each)] = Field(
        default=[],
        max_length=MOST_PRONUNCIATIONS,
        exclude_if=operator.not_,
        description="Pronunciations of up to 200 words that voices get wrong, such as names. Transcripts keep "
        "the spelling.",
    )
    keyterms: Annotated[list[Keyterm], AfterValidator(require_words)] = Field(
        default=[],
        max_length=MOST_KEYTERMS,
        exclude_if=operator.not_,
        description="Words and names that callers are likely to say, most important first; up to 50 of up to "
        "60 characters. Recognizers with this feature expect them, together with the known "
        "caller's name.",
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
        default=True,
        exclude_if=bool,
        description="Whether events contain the keys that send_digits presses. Set it to false for PINs.",
    )
    # Left out if they are empty, because programs of the previous release refuse unknown fields.
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
    limits: Limits = Field(default=Limits(), description="Time limits of a call.")
    recording: Recording = Field(default=Recording(), description="Recording of calls, and consent to it.")
    fallback_number: Annotated[str, AfterValidator(callable_target)] = Field(
        default="",
        pattern=TARGET,
        max_length=LONGEST_TARGET,
        description="Target for callers who ask for a person: E.164, number;ext=204, or a SIP address. If it "
        "is empty, the agent takes a message.",
        examples=["+12025550199"],
    )
    # Parts that programs of the previous release refuse are left out if they are not set.
    transfer_mode: Annotated[Literal["blind", "warm"], AfterValidator(require_direct)] = Field(
        default="blind",
        exclude_if="blind".__eq__,
        description="How the tool transfer works. `blind`: the caller is put through immediately, and returns "
        "if nobody answers. `warm`: the caller stays with the agent while the fallback_number is "
        "called; the person hears a brief and accepts with a key or a word. Not possible for a "
        "number with an extension.",
    )
    hours: OpeningHours | None = Field(
        default=None,
        exclude_if=_is_none,
        description="Opening hours in the workspace's time zone; null for always open.",
    )
    outside_hours: OutsideHours = Field(
        default=OutsideHours(),
        exclude_if=OutsideHours().__eq__,
        description="How inbound calls outside the opening hours are answered.",
    )
    calendar: AgentCalendar = Field(
        default=AgentCalendar(),
        exclude_if=AgentCalendar().__eq__,
        description="The calendar that the tools use, and the times that they offer.",
    )
    messages: MessageDelivery = Field(
        default=MessageDelivery(),
        exclude_if=MessageDelivery().__eq__,
        description="Recipients of callers' messages.",
    )
    analysis: AnalysisConfig = Field(
        default=AnalysisConfig(),
        exclude_if=AnalysisConfig().__eq__,
        description="Analysis of calls after they end.",
    )
    knowledge: KnowledgeScope = Field(
        default=KnowledgeScope(),
        exclude_if=KnowledgeScope().__eq__,
        description="The documents that the agent searches.",
    )

    @model_validator(mode="after")
    def _require_room(self) -> "AgentConfig":
        require_room(self.http_tools, self.mcp_tools, self.action_tools)
        return self


@cache
def json_schema() -> dict[str, Any]:
    """Return the published JSON Schema (draft 2020-12).

    Its descriptions state rules that are checked in addition: recording requires consent, and callers can be
    transferred to fallback_number.
    """
    schema: dict[str, Any] = _closed(AgentConfig.model_json_schema())
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID, **schema}


def _closed(schema: Any) -> Any:
    """Forbid additional property names where names have a pattern, as the validation does."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(part) for name, part in schema.items()}
    return {**closed, "additionalProperties": False} if "patternProperties" in closed else closed


def make_patch_model(model: type[ConfigPart]) -> type[BaseModel]:
    """Return the model of a change. It has the same fields, all optional, and null removes a field.

    Parts are merged, so they can be changed partially. A list replaces the previous list.
    """
    fields = {name: _patch_field(field) for name, field in model.model_fields.items()}
    made: type[BaseModel] = create_model(
        f"{model.__name__}Patch",
        __config__=ConfigDict(extra="forbid"),
        __doc__=f"A change. Null removes a field, and omitted fields stay unchanged. {model.__doc__}",
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
