"""Parts of an agent's config with their own rules: hours, calendar, languages, speech, turns, analysis, tools."""

import json
import operator
import re
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import pairwise
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from control.agents.extraction_schema import require_extraction_schema
from control.http.body import LANGUAGE, PLAIN
from control.integrations.types.rules import PLACEHOLDER, DeclaredName
from control.tools.argument_schema import NO_ARGUMENTS, check_schema
from control.tools.rules import DEFAULT_RESULT, LONGEST_RESULT, LONGEST_RUN_S, MOST_RUNS, ToolTitle
from control.validation import SingleUnionError
from control.voice.routing.rules import Provider
from shared.ipa import LONGEST_IPA, SIGNS, split_signs
from shared.plan import (
    BUILT_IN_TOOLS,
    LONGEST_KEYTERM,
    MOST_MORE_LANGUAGES,
    SEND_TONES,
    BargeIn,
    Patience,
)


class ConfigPart(BaseModel):
    """Base of a config and its parts. Types are not converted, unknown fields are refused."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


# Options of providers

SAFE_INTEGER: Final = 2**53 - 1

OptionName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
OptionText = Annotated[str, StringConstraints(max_length=2_000, pattern=PLAIN)]
Whole = Annotated[int, Field(ge=-SAFE_INTEGER, le=SAFE_INTEGER)]
Real = Annotated[float, Field(allow_inf_nan=False, ge=-1e15, le=1e15)]
Option = Annotated[
    bool | Whole | Real | OptionText | Annotated[list[OptionText], Field(max_length=100)],
    SingleUnionError("true, false, a number, a text of up to 2,000 characters or a list of up to 100 such texts"),
]
Options = Annotated[dict[OptionName, Option], Field(max_length=30)]


# Opening hours, in the form of schema.org's OpeningHoursSpecification (`opens`, `closes`; a range that closes before it
# opens ends on the next day), with the exceptions of Google's business profiles (`specialHours`)

OPENING: Final = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
CLOSING: Final = r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"
DATE: Final = r"^(20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01]))?$"
MOST_RANGES: Final = 6
MOST_EXCEPTIONS: Final = 100
WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def _existing_date(text: str) -> str:
    """Raise ValueError for a date such as 2026-02-30."""
    if text:
        date.fromisoformat(text)
    return text


DateText = Annotated[str, StringConstraints(pattern=DATE), AfterValidator(_existing_date)]


class OpeningRange(ConfigPart):
    """One range of opening hours, by the clock on the wall."""

    opens: str = Field(
        pattern=OPENING,
        description="HH:MM, from 00:00 to 23:59; the range begins with this minute.",
        examples=["09:00"],
    )
    closes: str = Field(
        pattern=CLOSING,
        description="HH:MM, up to 24:00; the first minute that is closed. A time before `opens` is on the next day.",
        examples=["17:30"],
    )

    @property
    def is_overnight(self) -> bool:
        """Whether it ends on the day after it began."""
        return self.closes < self.opens

    @model_validator(mode="after")
    def _not_empty(self) -> "OpeningRange":
        if self.opens == self.closes:
            raise ValueError("opens and closes are the same; a whole day is from 00:00 to 24:00")
        return self


def _apart(ranges: list[OpeningRange]) -> list[OpeningRange]:
    """Return the ranges in order. Raises ValueError when two ranges of a day overlap."""
    ordered = sorted(ranges, key=lambda opening: opening.opens)
    for opening, following in pairwise(ordered):
        if opening.is_overnight or following.opens < opening.closes:
            raise ValueError(f"the ranges from {opening.opens} and from {following.opens} overlap")
    return ordered


Ranges = Annotated[list[OpeningRange], Field(max_length=MOST_RANGES), AfterValidator(_apart)]


class WeeklyHours(ConfigPart):
    """The ranges that begin on each weekday: up to 6 a day; none means closed."""

    monday: Ranges = Field(default=[], description="Ranges that begin on a Monday.")
    tuesday: Ranges = Field(default=[], description="Ranges that begin on a Tuesday.")
    wednesday: Ranges = Field(default=[], description="Ranges that begin on a Wednesday.")
    thursday: Ranges = Field(default=[], description="Ranges that begin on a Thursday.")
    friday: Ranges = Field(default=[], description="Ranges that begin on a Friday.")
    saturday: Ranges = Field(default=[], description="Ranges that begin on a Saturday.")
    sunday: Ranges = Field(default=[], description="Ranges that begin on a Sunday.")

    def ranges_of(self, weekday: int) -> Sequence[OpeningRange]:
        """Return the opening ranges of a weekday (0 is Monday)."""
        ranges: Sequence[OpeningRange] = getattr(self, WEEKDAYS[weekday])
        return ranges


class HoursException(ConfigPart):
    """A date, or several in a row, whose ranges replace those of the weekday: holidays, vacations, open Sundays."""

    date: DateText = Field(min_length=10, description="YYYY-MM-DD, the first day.", examples=["2026-12-24"])
    until: DateText = Field(
        default="", description="YYYY-MM-DD, the last day, included; empty: one day only.", examples=["2026-12-26"]
    )
    ranges: Ranges = Field(default=[], description="Ranges that begin on such a day, up to 6; none: closed.")
    name: str = Field(
        default="", max_length=100, pattern=PLAIN, description="What the agent calls it.", examples=["Christmas"]
    )

    @property
    def last(self) -> str:
        """The last day."""
        return self.until or self.date

    @model_validator(mode="after")
    def _in_order(self) -> "HoursException":
        if self.last < self.date:
            raise ValueError("until is before date")
        return self


def _each_date_once(exceptions: list[HoursException]) -> list[HoursException]:
    """Raise ValueError when two exceptions hold for one date."""
    for exception, following in pairwise(sorted(exceptions, key=lambda exception: exception.date)):
        if following.date <= exception.last:
            raise ValueError(f"{following.date} has two exceptions")
    return exceptions


class OpeningHours(ConfigPart):
    """When the business is open, by the clock of the workspace's time zone."""

    weekly: WeeklyHours = Field(default=WeeklyHours(), description="The ranges of an ordinary week.")
    exceptions: Annotated[list[HoursException], AfterValidator(_each_date_once)] = Field(
        default=[], max_length=MOST_EXCEPTIONS, description="Dates with other hours, up to 100; no date twice."
    )

    @model_validator(mode="after")
    def _opens_at_all(self) -> "OpeningHours":
        ranges = [self.weekly.ranges_of(day) for day in range(7)] + [exception.ranges for exception in self.exceptions]
        if not any(ranges):
            raise ValueError("the business never opens: name a range, or leave the hours out")
        return self


class OutsideHours(ConfigPart):
    """How an inbound call outside the opening hours is answered. Without `hours` it has no effect."""

    action: Literal["answer", "message", "hang_up"] = Field(
        default="answer",
        description="answer: the agent answers, and knows that the business is closed. message: it only takes a "
        "message, by the tool take_message, and transfers nobody. hang_up: `text` is spoken by the carrier's voice, "
        "then the call ends; it is not charged.",
    )
    text: str = Field(
        default="",
        max_length=1_400,
        pattern=PLAIN,
        validate_default=True,
        description="Said in place of the greeting.",
        examples=["We are closed. Please leave a message."],
    )
    instructions: str = Field(
        default="",
        max_length=5_000,
        pattern=PLAIN,
        description="Added to the prompt of such a call; up to 5,000 characters; may hold {placeholders}.",
        examples=["Take a message and promise a call on the next working day."],
    )

    @field_validator("text")
    @classmethod
    def _said_before_hanging_up(cls, text: str, info: ValidationInfo) -> str:
        if info.data.get("action") == "hang_up" and not text.strip():
            raise ValueError("hang_up needs a text, which is said before")
        return text


# The calendar

UUID_TEXT: Final = r"^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})?$"
# Where an agent has no opening hours, its calendar has these.
OFFICE_HOURS: Final = OpeningHours.model_validate(
    {
        "weekly": {
            day: [{"opens": "09:00", "closes": "17:00"}]
            for day in ("monday", "tuesday", "wednesday", "thursday", "friday")
        }
    }
)


class AgentCalendar(ConfigPart):
    """How the tools use the connected calendar."""

    integration_id: str = Field(
        default="",
        pattern=UUID_TEXT,
        description="The integration whose calendar is used; empty: the workspace's first one that can be booked in.",
        examples=["01966f4e-7c5a-7d3e-9b1f-3c2a1d4e5f60"],
    )
    appointment_minutes: int = Field(
        default=30, ge=5, le=480, description="How long an appointment takes, in minutes.", examples=[45]
    )
    notice_minutes: int = Field(
        default=60,
        ge=0,
        le=43_200,
        description="The shortest time from now to an appointment, in minutes.",
        examples=[120],
    )
    days_ahead: int = Field(
        default=60, ge=1, le=365, description="How many days ahead appointments are booked.", examples=[30]
    )
    # Left out while it is off: programs of the previous version refuse an unknown field.
    changes_need_reference: bool = Field(
        default=False,
        exclude_if=lambda value: not value,
        description="Whether callers cancel and move appointments only by the reference that was told at the booking, "
        "and not by their number, which can be faked.",
        examples=[True],
    )


# Languages

FIELD: Final = "additional_languages"


class AdditionalLanguage(ConfigPart):
    """A language that the agent continues in when the caller speaks it."""

    language: str = Field(
        max_length=20, pattern=LANGUAGE, description="BCP 47 tag, such as es or fr-CA.", examples=["en"]
    )
    voices: dict[Provider, Options] = Field(
        default={},
        max_length=8,
        description="Voices of this language, by their provider, with options that go before all others. Without any, "
        "the agent's voices speak it that can.",
        examples=[{"cartesia": {"speed": 1.1}}],
    )
    goodbye: str = Field(
        default="",
        max_length=400,
        pattern=PLAIN,
        description="The agent's last words in this language, up to 400 characters; may hold {placeholders}; empty: "
        "the platform's in English, German, Spanish and French, else the agent's `goodbye`.",
        examples=["Thank you for calling. Goodbye."],
    )


# Left out where it is empty: programs of the previous version refuse an unknown field.
AdditionalLanguages = Annotated[
    list[AdditionalLanguage],
    Field(
        max_length=MOST_MORE_LANGUAGES,
        exclude_if=operator.not_,
        description="Languages besides `language` in which the agent goes on, voice and all, once the caller speaks "
        "them; up to 4. The first recognizer has to hear all of them and tell which was spoken.",
    ),
]


def name_goodbye(place: int) -> str:
    """Return the name of a language's goodbye among an agent's texts."""
    return f"{FIELD}.{place}.goodbye"


def list_goodbyes(languages: Sequence[AdditionalLanguage]) -> dict[str, str]:
    """Return the goodbyes by their names."""
    return {name_goodbye(place): language.goodbye for place, language in enumerate(languages)}


# Speech

MOST_KEYTERMS: Final = 50
_ONE_LINE: Final = r"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$"


def _without_blanks(given: Any) -> Any:
    """Return an empty text for blanks alone, which voices would say in place of the word."""
    return "" if isinstance(given, str) and not given.strip() else given


def _read_ipa(given: Any) -> Any:
    return split_signs(_without_blanks(given)) if isinstance(given, str) else given


class PronunciationEntry(ConfigPart):
    """How one word sounds."""

    word: str = Field(
        min_length=1, max_length=60, pattern=r"^\S+$", description="The word as it is written.", examples=["Nguyen"]
    )
    # Both are left out where they are empty: programs of the previous version refuse the one, and an empty other.
    say: Annotated[str, BeforeValidator(_without_blanks)] = Field(
        default="",
        max_length=120,
        pattern=_ONE_LINE,
        exclude_if=operator.not_,
        description="How it sounds.",
        examples=["win"],
    )
    ipa: Annotated[str, BeforeValidator(_read_ipa)] = Field(
        default="",
        max_length=LONGEST_IPA,
        pattern=rf"^[{SIGNS}]*$",
        exclude_if=operator.not_,
        description="The same in IPA.",
        examples=["ˈwɪn"],  # noqa: RUF001
    )


def require_one_each(entries: list[PronunciationEntry]) -> list[PronunciationEntry]:
    """Raise ValueError where a word has two pronunciations, or none."""
    words = [entry.word.casefold() for entry in entries]
    twice = next((entry.word for entry in entries if words.count(entry.word.casefold()) > 1), None)
    if twice is not None:
        raise ValueError(f"{twice!r} has two pronunciations")
    blank = next((entry.word for entry in entries if not (entry.say or entry.ipa)), None)
    if blank is not None:
        raise ValueError(f"the pronunciation of {blank!r} is blank")
    return entries


def require_words(keyterms: list[str]) -> list[str]:
    """Raise ValueError for a blank one."""
    if not all(term.strip() for term in keyterms):
        raise ValueError("a keyterm is blank")
    return keyterms


Keyterm = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_KEYTERM, pattern=_ONE_LINE)]


class Turn(ConfigPart):
    """Turn-taking."""

    silence_ms: int = Field(
        default=600,
        ge=100,
        le=5_000,
        description="Milliseconds of silence, from the true end of the caller's speech, that end the caller's turn. "
        "With adaptive, 600 is the default, and another value scales the silences that the agent chooses: 300 halves "
        "them.",
        examples=[600],
    )
    adaptive: bool = Field(
        default=True,
        description="Choose each silence by what the caller says: short if the words are complete, long if they are "
        "not, or while a number or an e-mail address is dictated.",
    )
    patience: Patience = Field(
        default="normal",
        description="How much worse it is to interrupt a caller than to answer late. quick: less than normal; patient: "
        "more. Needs adaptive.",
    )
    barge_in: Annotated[bool | BargeIn, SingleUnionError('true, false, "off", "polite" or "eager"')] = Field(
        default=True,
        description="How callers interrupt the agent. polite (or true): speech that may be a nod only lowers it for "
        "500 ms. eager: any speech silences it at once. off (or false): not at all.",
        examples=["polite"],
    )
    min_words: int = Field(
        default=1, ge=1, le=10, description="Words that make an interruption; 'mm-hm' does not count.", examples=[1]
    )
    smart_turn: bool = Field(default=False, description="Ask a model at each pause whether the caller is done.")
    speculate: bool = Field(
        default=True,
        description="Ask for the answer up to 600 ms before the caller's turn ends, and drop it if the caller goes on. "
        "Dropped answers are paid for.",
    )


# Analysis of calls

# A BCP 47 tag; empty: the agent's language.
_LANGUAGE = r"^([a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?)?$"


class AnalysisConfig(ConfigPart):
    """What is made of a call when it is over: a summary, the caller's sentiment, whether it was a success, and values
    extracted from it. A language model of the agent's chain reads the transcript; without one there is only a summary,
    of sentences of the call."""

    enabled: bool = Field(default=True, description="Analyze calls when they are over.")
    success_criterion: str = Field(
        default="",
        max_length=1_000,
        pattern=PLAIN,
        description="When a call is a success, in words, such as 'An appointment was booked'; up to 1,000 characters; "
        "empty: it is not judged.",
        examples=["An appointment was booked"],
    )
    language: str = Field(
        default="",
        max_length=20,
        pattern=_LANGUAGE,
        description="BCP 47 tag of the summary's language; empty: the agent's.",
        examples=["en"],
    )
    extraction: Annotated[dict[str, Any], AfterValidator(require_extraction_schema)] | None = Field(
        default=None,
        exclude_if=operator.not_,
        description="A JSON Schema of type object: the values that are extracted from the transcript, up to 50 "
        "properties in four levels. It may use type (object, array, string, number, integer, boolean), description, "
        "properties, required, items, and enum for texts; up to 8 KiB. A property that is not required may be null.",
        examples=[{"type": "object", "properties": {"appointment_day": {"type": "string"}}}],
    )


# Tools

UUID_PATTERN: Final = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
# What the call knows, as `{{call.x}}`. All are texts.
CALL_VALUES: Final = ("customer_number", "contact_name", "agent_name", "call_id", "now")
INPUT: Final = "input."
CALL: Final = "call."
MOST_ARGUMENT_BYTES: Final = 8_192
MOST_ARGUMENT_DEPTH: Final = 5
_UNSTORABLE: Final = re.compile(r"[\u0000-\u0008\u000b\u000c\u000e-\u001f\ud800-\udfff]")


def _check_parameters(schema: dict[str, Any]) -> dict[str, Any]:
    check_schema(schema)
    return schema


def _check_arguments(arguments: dict[str, Any]) -> dict[str, Any]:
    for text in list_texts(arguments):
        if _UNSTORABLE.search(text):
            raise ValueError("must have texts without control characters")
        left = PLACEHOLDER.sub("", text)
        if "{{" in left or "}}" in left:
            raise ValueError("must have placeholders like {{input.name}} and {{call.customer_number}}")
    if any("{{" in name for name in _list_names(arguments)):
        raise ValueError("must have names without placeholders")
    try:
        size = len(json.dumps(arguments, allow_nan=False).encode())
    except (TypeError, ValueError):
        raise ValueError("must be JSON") from None
    if size > MOST_ARGUMENT_BYTES:
        raise ValueError(f"must have at most {MOST_ARGUMENT_BYTES:,} bytes as JSON")
    return arguments


class ActionToolConfig(ConfigPart):
    """What the language model reads of the tool, the action, and what the action gets."""

    name: ToolTitle = Field(description="Name for the language model.", examples=["tell_the_team"])
    description: str = Field(
        min_length=1,
        max_length=1_000,
        pattern=PLAIN,
        description="What the tool does and when to use it, for the language model; up to 1,000 characters.",
        examples=["Tells the team that a caller wants to be called back."],
    )
    integration_id: str = Field(
        pattern=UUID_PATTERN,
        description="The integration of the workspace by which the action is run.",
        examples=["01966f4e-7c5a-7d3e-9b1f-3c2a1d4e5f60"],
    )
    action: DeclaredName = Field(
        description="The action, of those that the integration's type has.", examples=["post_message"]
    )
    parameters: Annotated[dict[str, Any], AfterValidator(_check_parameters)] = Field(
        default=dict(NO_ARGUMENTS),
        description="JSON Schema of the arguments that the model may give: as of HTTP tools.",
        examples=[{"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}],
    )
    arguments: Annotated[dict[str, Any], AfterValidator(_check_arguments)] = Field(
        default={},
        description="Arguments of the action, up to 8 KiB: fixed values, in which {{input.name}} stands for an argument"
        f" of the model and {{{{call.name}}}} for what the call knows ({', '.join(CALL_VALUES)}). A text that is one "
        "placeholder takes the value with its type. Without it, the model's arguments by their own names.",
        examples=[{"text": "{{call.customer_number}}: {{input.text}}"}],
    )
    allow_free_lookup: bool = Field(
        default=False,
        description="Lets the model choose what an action that only reads looks up, so that a caller may ask for "
        "anybody's data; only owners and admins may set it. Without it, such an action gets fixed values and what the "
        "call knows, such as its number.",
    )
    timeout_s: float = Field(
        default=8.0,
        ge=0.5,
        le=LONGEST_RUN_S,
        allow_inf_nan=False,
        description="Seconds for the whole run, after which the model is told that there is no answer.",
        examples=[8.0],
    )
    filler: str | None = Field(
        default=None,
        max_length=300,
        pattern=PLAIN,
        description="What the agent says while the action runs and the caller waits; null: its usual words; empty: "
        "nothing.",
        examples=["I am passing that on."],
    )
    max_calls: int = Field(
        default=20, ge=1, le=MOST_RUNS, description="How often one call may use the tool.", examples=[20]
    )
    max_result_chars: int = Field(
        default=DEFAULT_RESULT,
        ge=100,
        le=LONGEST_RESULT,
        description="Characters of the result that the model reads; the rest is cut off.",
        examples=[DEFAULT_RESULT],
    )

    @model_validator(mode="after")
    def _require_known_placeholders(self) -> "ActionToolConfig":
        known = {f"{INPUT}{name}" for name in self.parameters.get("properties", {})}
        known |= {f"{CALL}{name}" for name in CALL_VALUES}
        for name in placeholders(self.arguments):
            if name not in known:
                raise ValueError(f"has a placeholder {{{{{name[:80]}}}}} that names no argument of its parameters, and "
                                 f"none of {', '.join(CALL_VALUES)} of the call")  # fmt: skip
        return self

    def template(self) -> dict[str, Any]:
        """Return the action's arguments, with placeholders."""
        return self.arguments or {name: f"{{{{{INPUT}{name}}}}}" for name in self.parameters.get("properties", {})}


def placeholders(value: Any) -> set[str]:
    """Return the names between the braces."""
    return {name for text in list_texts(value) for name in PLACEHOLDER.findall(text)}


def list_texts(value: Any, depth: int = 1) -> Iterator[str]:
    """Yield all texts, names included. Raises ValueError for a value that is nested too deep."""
    if depth > MOST_ARGUMENT_DEPTH + 1:
        raise ValueError(f"must be nested at most {MOST_ARGUMENT_DEPTH} deep")
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, part in value.items():
            yield str(name)
            yield from list_texts(part, depth + 1)
    elif isinstance(value, list):
        for part in value:
            yield from list_texts(part, depth + 1)


def _list_names(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, part in value.items():
            yield str(name)
            yield from _list_names(part)
    elif isinstance(value, list):
        for part in value:
            yield from _list_names(part)


RemoteToolName = Literal[
    "call_context",
    "search_knowledge",
    "take_message",
    "look_up_contact",
    "check_availability",
    "book_appointment",
    "cancel_appointment",
    "move_appointment",
]
# No tool of a workspace has one of these names.
RESERVED_NAMES: Final = frozenset({*BUILT_IN_TOOLS, *get_args(RemoteToolName), SEND_TONES})
MOST_HTTP_TOOLS: Final = 20
MOST_MCP_TOOLS: Final = 32
MOST_ACTION_TOOLS: Final = 20
# A plan has room for 64 tools, those that are built in included.
MOST_WORKSPACE_TOOLS: Final = 52


def require_different(names: list[str]) -> list[str]:
    """Raise ValueError for a name that is there twice."""
    if len(set(names)) != len(names):
        raise ValueError("must name each one once")
    return names


class McpToolChoice(ConfigPart):
    """Tools of one MCP server that an agent may use."""

    server: ToolTitle = Field(description="Name of the MCP server.", examples=["calendar"])
    tools: Annotated[
        list[Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=PLAIN)]],
        AfterValidator(require_different),
    ] = Field(
        min_length=1,
        max_length=MOST_MCP_TOOLS,
        description="Names of its tools, as it lists them, up to 32; the agent can use no others.",
        examples=[["find_slots"]],
    )


def require_few(choices: list[McpToolChoice]) -> list[McpToolChoice]:
    """Raise ValueError for a server that is there twice, and for too many tools."""
    if len({choice.server for choice in choices}) < len(choices):
        raise ValueError("must name each server once")
    if sum(len(choice.tools) for choice in choices) > MOST_MCP_TOOLS:
        raise ValueError(f"must name at most {MOST_MCP_TOOLS} tools in all")
    return choices


def require_free_names(tools: list[ActionToolConfig]) -> list[ActionToolConfig]:
    """Raise ValueError for a name that is there twice, or that a tool of the platform has."""
    names = [tool.name for tool in tools]
    require_different(names)
    if taken := RESERVED_NAMES.intersection(names):
        raise ValueError(f"must not have names of the platform's tools ({', '.join(sorted(taken))})")
    return tools


def require_room(http: list[str], mcp: list[McpToolChoice], actions: list[ActionToolConfig]) -> None:
    """Raise ValueError for more tools than a plan has room for, and for a name that two of them have."""
    if len(http) + sum(len(choice.tools) for choice in mcp) + len(actions) > MOST_WORKSPACE_TOOLS:
        raise ValueError(f"names more than {MOST_WORKSPACE_TOOLS} tools in http_tools, mcp_tools and action_tools")
    if taken := {tool.name for tool in actions}.intersection(http):
        raise ValueError(f"has an HTTP tool and an action tool of the name {min(taken)}")
