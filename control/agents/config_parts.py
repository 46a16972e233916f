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
    """Base class of a config and its parts. Types are not converted, and unknown fields are refused."""

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
    """Return the date. Raises ValueError for a date that does not exist, such as 2026-02-30."""
    if text:
        date.fromisoformat(text)
    return text


DateText = Annotated[str, StringConstraints(pattern=DATE), AfterValidator(_existing_date)]


class OpeningRange(ConfigPart):
    """A range of opening hours, in local time."""

    opens: str = Field(
        pattern=OPENING,
        description="HH:MM, from 00:00 to 23:59. The range includes this minute.",
        examples=["09:00"],
    )
    closes: str = Field(
        pattern=CLOSING,
        description="HH:MM, up to 24:00. The first minute that is closed. A time before `opens` is on the next day.",
        examples=["17:30"],
    )

    @property
    def is_overnight(self) -> bool:
        """Return whether the range ends on the next day."""
        return self.closes < self.opens

    @model_validator(mode="after")
    def _not_empty(self) -> "OpeningRange":
        if self.opens == self.closes:
            raise ValueError("opens and closes are equal; use 00:00 to 24:00 for a whole day")
        return self


def _apart(ranges: list[OpeningRange]) -> list[OpeningRange]:
    """Return the ranges in order. Raises ValueError if two ranges of a day overlap."""
    ordered = sorted(ranges, key=lambda opening: opening.opens)
    for opening, following in pairwise(ordered):
        if opening.is_overnight or following.opens < opening.closes:
            raise ValueError(f"the ranges from {opening.opens} and from {following.opens} overlap")
    return ordered


Ranges = Annotated[list[OpeningRange], Field(max_length=MOST_RANGES), AfterValidator(_apart)]


class WeeklyHours(ConfigPart):
    """The opening ranges that begin on each weekday: up to 6 a day; none for closed."""

    monday: Ranges = Field(default=[], description="Ranges that begin on a Monday.")
    tuesday: Ranges = Field(default=[], description="Ranges that begin on a Tuesday.")
    wednesday: Ranges = Field(default=[], description="Ranges that begin on a Wednesday.")
    thursday: Ranges = Field(default=[], description="Ranges that begin on a Thursday.")
    friday: Ranges = Field(default=[], description="Ranges that begin on a Friday.")
    saturday: Ranges = Field(default=[], description="Ranges that begin on a Saturday.")
    sunday: Ranges = Field(default=[], description="Ranges that begin on a Sunday.")

    def ranges_of(self, weekday: int) -> Sequence[OpeningRange]:
        """Return the ranges that begin on a weekday (0 is Monday)."""
        ranges: Sequence[OpeningRange] = getattr(self, WEEKDAYS[weekday])
        return ranges


class HoursException(ConfigPart):
    """A date, or consecutive dates, with ranges that replace the weekday's: holidays, vacations, open Sundays."""

    date: DateText = Field(min_length=10, description="YYYY-MM-DD, the first day.", examples=["2026-12-24"])
    until: DateText = Field(
        default="", description="YYYY-MM-DD, the last day (inclusive); empty for a single day.", examples=["2026-12-26"]
    )
    ranges: Ranges = Field(default=[], description="Ranges that begin on each of these days, up to 6; none for closed.")
    name: str = Field(
        default="",
        max_length=100,
        pattern=PLAIN,
        description="Name that the agent uses for the exception.",
        examples=["Christmas"],
    )

    @property
    def last(self) -> str:
        """Return the last day."""
        return self.until or self.date

    @model_validator(mode="after")
    def _in_order(self) -> "HoursException":
        if self.last < self.date:
            raise ValueError("until is before date")
        return self


def _each_date_once(exceptions: list[HoursException]) -> list[HoursException]:
    """Return the exceptions in order. Raises ValueError if two exceptions apply to one date."""
    for exception, following in pairwise(sorted(exceptions, key=lambda exception: exception.date)):
        if following.date <= exception.last:
            raise ValueError(f"{following.date} has two exceptions")
    return exceptions


class OpeningHours(ConfigPart):
    """Opening hours of the business, in the workspace's time zone."""

    weekly: WeeklyHours = Field(default=WeeklyHours(), description="The ranges of a regular week.")
    exceptions: Annotated[list[HoursException], AfterValidator(_each_date_once)] = Field(
        default=[],
        max_length=MOST_EXCEPTIONS,
        description="Up to 100 exceptions for dates with other hours. No date may occur twice.",
    )

    @model_validator(mode="after")
    def _opens_at_all(self) -> "OpeningHours":
        ranges = [self.weekly.ranges_of(day) for day in range(7)] + [exception.ranges for exception in self.exceptions]
        if not any(ranges):
            raise ValueError("the business never opens: add a range, or omit the hours")
        return self


class OutsideHours(ConfigPart):
    """How inbound calls outside the opening hours are answered. Has no effect without `hours`."""

    action: Literal["answer", "message", "hang_up"] = Field(
        default="answer",
        description="`answer`: the agent answers and is informed that the business is closed. `message`: the "
        "agent only takes a message, with the tool take_message, and transfers nobody. `hang_up`: "
        "the carrier's voice speaks `text`, then the call ends without charge.",
    )
    text: str = Field(
        default="",
        max_length=1_400,
        pattern=PLAIN,
        validate_default=True,
        description="Said instead of the greeting.",
        examples=["We are closed. Please leave a message."],
    )
    instructions: str = Field(
        default="",
        max_length=5_000,
        pattern=PLAIN,
        description="Added to the prompt of calls outside the opening hours; up to 5,000 characters; may "
        "contain {placeholders}.",
        examples=["Take a message and promise a call on the next working day."],
    )

    @field_validator("text")
    @classmethod
    def _said_before_hanging_up(cls, text: str, info: ValidationInfo) -> str:
        if info.data.get("action") == "hang_up" and not text.strip():
            raise ValueError("hang_up needs a text, which is spoken before")
        return text


# The calendar

UUID_TEXT: Final = r"^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})?$"
# The calendar of an agent without opening hours uses these hours.
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
        description="The integration whose calendar is used; empty for the workspace's first calendar that "
        "allows bookings.",
        examples=["01966f4e-7c5a-7d3e-9b1f-3c2a1d4e5f60"],
    )
    appointment_minutes: int = Field(
        default=30, ge=5, le=480, description="Duration of an appointment, in minutes.", examples=[45]
    )
    notice_minutes: int = Field(
        default=60,
        ge=0,
        le=43_200,
        description="Shortest notice for an appointment, in minutes.",
        examples=[120],
    )
    days_ahead: int = Field(
        default=60, ge=1, le=365, description="How many days ahead appointments can be booked.", examples=[30]
    )
    # Left out if it is false, because programs of the previous release refuse unknown fields.
    changes_need_reference: bool = Field(
        default=False,
        exclude_if=lambda value: not value,
        description="Whether callers can cancel and move appointments only with the reference given at the "
        "booking, not by their number, which can be spoofed.",
        examples=[True],
    )


# Languages

FIELD: Final = "additional_languages"


class AdditionalLanguage(ConfigPart):
    """A language in which the agent continues after the caller speaks it."""

    language: str = Field(
        max_length=20, pattern=LANGUAGE, description="BCP 47 tag, such as es or fr-CA.", examples=["en"]
    )
    voices: dict[Provider, Options] = Field(
        default={},
        max_length=8,
        description="Voices of this language by provider, with options that take precedence over all others. "
        "If it is empty, the agent's voices that support the language speak it.",
        examples=[{"cartesia": {"speed": 1.1}}],
    )
    goodbye: str = Field(
        default="",
        max_length=400,
        pattern=PLAIN,
        description="The agent's last words in this language, up to 400 characters; may contain "
        "{placeholders}. If it is empty, the platform's default in English, German, Spanish and "
        "French, or else the agent's `goodbye`.",
        examples=["Thank you for calling. Goodbye."],
    )


# Left out if it is empty, because programs of the previous release refuse unknown fields.
AdditionalLanguages = Annotated[
    list[AdditionalLanguage],
    Field(
        max_length=MOST_MORE_LANGUAGES,
        exclude_if=operator.not_,
        description="Up to 4 languages besides `language` to which the agent switches, including its voice, "
        "after the caller speaks them. The first recognizer must support all of them and report "
        "which language was spoken.",
    ),
]


def name_goodbye(place: int) -> str:
    """Return the name under which a language's goodbye is listed among the agent's texts."""
    return f"{FIELD}.{place}.goodbye"


def list_goodbyes(languages: Sequence[AdditionalLanguage]) -> dict[str, str]:
    """Return the goodbyes by name."""
    return {name_goodbye(place): language.goodbye for place, language in enumerate(languages)}


# Speech

MOST_KEYTERMS: Final = 50
_ONE_LINE: Final = r"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$"


def _without_blanks(given: Any) -> Any:
    """Replace a text of only blanks by an empty text, because voices would say the blanks instead of the word."""
    return "" if isinstance(given, str) and not given.strip() else given


def _read_ipa(given: Any) -> Any:
    return split_signs(_without_blanks(given)) if isinstance(given, str) else given


class PronunciationEntry(ConfigPart):
    """The pronunciation of a word."""

    word: str = Field(
        min_length=1, max_length=60, pattern=r"^\S+$", description="Spelling of the word.", examples=["Nguyen"]
    )
    # Both are left out if they are empty: programs of the previous release refuse `ipa`, and an empty `say`.
    say: Annotated[str, BeforeValidator(_without_blanks)] = Field(
        default="",
        max_length=120,
        pattern=_ONE_LINE,
        exclude_if=operator.not_,
        description="Pronunciation in ordinary letters.",
        examples=["win"],
    )
    ipa: Annotated[str, BeforeValidator(_read_ipa)] = Field(
        default="",
        max_length=LONGEST_IPA,
        pattern=rf"^[{SIGNS}]*$",
        exclude_if=operator.not_,
        description="Pronunciation in IPA.",
        examples=["ˈwɪn"],  # noqa: RUF001
    )


def require_one_each(entries: list[PronunciationEntry]) -> list[PronunciationEntry]:
    """Return the entries. Raises ValueError if a word has no pronunciation or two entries."""
    words = [entry.word.casefold() for entry in entries]
    twice = next((entry.word for entry in entries if words.count(entry.word.casefold()) > 1), None)
    if twice is not None:
        raise ValueError(f"{twice!r} has two pronunciations")
    blank = next((entry.word for entry in entries if not (entry.say or entry.ipa)), None)
    if blank is not None:
        raise ValueError(f"the pronunciation of {blank!r} is blank")
    return entries


def require_words(keyterms: list[str]) -> list[str]:
    """Return the keyterms. Raises ValueError for a blank keyterm."""
    if not all(term.strip() for term in keyterms):
        raise ValueError("a keyterm is blank")
    return keyterms


Keyterm = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_KEYTERM, pattern=_ONE_LINE)]


class Turn(ConfigPart):
    """Settings of turn-taking."""

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
        description="Choose each silence from the caller's words: short if the words are complete; long if "
        "they are not, or while a number or an e-mail address is dictated.",
    )
    patience: Patience = Field(
        default="normal",
        description="How much worse an interruption of the caller is than a late answer. `quick`: less than "
        "normal. `patient`: more than normal. Requires `adaptive`.",
    )
    barge_in: Annotated[bool | BargeIn, SingleUnionError('true, false, "off", "polite" or "eager"')] = Field(
        default=True,
        description="How callers interrupt the agent. `polite` (or true): speech that may be a nod only lowers "
        "the agent's volume for 500 ms. `eager`: any speech silences the agent immediately. `off` "
        "(or false): callers cannot interrupt.",
        examples=["polite"],
    )
    min_words: int = Field(
        default=1,
        ge=1,
        le=10,
        description="Number of words that count as an interruption; 'mm-hm' does not count.",
        examples=[1],
    )
    smart_turn: bool = Field(default=False, description="Query a model at each pause whether the caller has finished.")
    speculate: bool = Field(
        default=True,
        description="Request the answer up to 600 ms before the caller's turn ends, and drop it if the caller "
        "continues. Dropped answers are charged.",
    )


# Analysis of calls

# A BCP 47 tag; empty for the agent's language.
_LANGUAGE = r"^([a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?)?$"


class AnalysisConfig(ConfigPart):
    """Analysis of a call after it ends: a summary, the caller's sentiment, whether the call was a success, and
    extracted values.

    A language model of the agent's chain reads the transcript. Without a model, the analysis contains only a summary of
    sentences from the call.
    """

    enabled: bool = Field(default=True, description="Whether calls are analyzed after they end.")
    success_criterion: str = Field(
        default="",
        max_length=1_000,
        pattern=PLAIN,
        description="Criterion for a successful call, in words, such as 'An appointment was booked'; up to "
        "1,000 characters; empty to skip this judgment.",
        examples=["An appointment was booked"],
    )
    language: str = Field(
        default="",
        max_length=20,
        pattern=_LANGUAGE,
        description="BCP 47 tag of the summary's language; empty for the agent's language.",
        examples=["en"],
    )
    extraction: Annotated[dict[str, Any], AfterValidator(require_extraction_schema)] | None = Field(
        default=None,
        exclude_if=operator.not_,
        description="JSON Schema of type object for the values to extract from the transcript, with up to 50 "
        "properties in four levels. It may use type (object, array, string, number, integer, "
        "boolean), description, properties, required, items, and enum for texts; up to 8 KiB. A "
        "property that is not required may be null.",
        examples=[{"type": "object", "properties": {"appointment_day": {"type": "string"}}}],
    )


# Tools

UUID_PATTERN: Final = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
# Values of the call, available as `{{call.x}}`. All are texts.
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
    """A tool that runs an action of a connected integration."""

    name: ToolTitle = Field(description="Name of the tool, for the language model.", examples=["tell_the_team"])
    description: str = Field(
        min_length=1,
        max_length=1_000,
        pattern=PLAIN,
        description="What the tool does and when to use it, for the language model; up to 1,000 characters.",
        examples=["Tells the team that a caller wants to be called back."],
    )
    integration_id: str = Field(
        pattern=UUID_PATTERN,
        description="The workspace's integration that runs the action.",
        examples=["01966f4e-7c5a-7d3e-9b1f-3c2a1d4e5f60"],
    )
    action: DeclaredName = Field(
        description="The action, which the integration's type must have.", examples=["post_message"]
    )
    parameters: Annotated[dict[str, Any], AfterValidator(_check_parameters)] = Field(
        default=dict(NO_ARGUMENTS),
        description="JSON Schema of the arguments that the model may pass, as for HTTP tools.",
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
        description="Allow the model to choose what a read-only action looks up, so that a caller can ask for "
        "anybody's data. Only owners and admins may set it. Without it, the action receives fixed "
        "values and values of the call, such as its number.",
    )
    timeout_s: float = Field(
        default=8.0,
        ge=0.5,
        le=LONGEST_RUN_S,
        allow_inf_nan=False,
        description="Maximum seconds of a run. The model is then informed that there is no answer.",
        examples=[8.0],
    )
    filler: str | None = Field(
        default=None,
        max_length=300,
        pattern=PLAIN,
        description="What the agent says while the action runs and the caller waits; null for its usual words; "
        "empty for nothing.",
        examples=["I am passing that on."],
    )
    max_calls: int = Field(
        default=20, ge=1, le=MOST_RUNS, description="Maximum number of runs per call.", examples=[20]
    )
    max_result_chars: int = Field(
        default=DEFAULT_RESULT,
        ge=100,
        le=LONGEST_RESULT,
        description="Maximum characters of the result that the model reads. The rest is cut off.",
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
    """Return the placeholder names between the braces."""
    return {name for text in list_texts(value) for name in PLACEHOLDER.findall(text)}


def list_texts(value: Any, depth: int = 1) -> Iterator[str]:
    """Yield all texts of a value, including names. Raises ValueError for a value that is nested too deeply."""
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
# Names that a workspace's tools must not use.
RESERVED_NAMES: Final = frozenset({*BUILT_IN_TOOLS, *get_args(RemoteToolName), SEND_TONES})
MOST_HTTP_TOOLS: Final = 20
MOST_MCP_TOOLS: Final = 32
MOST_ACTION_TOOLS: Final = 20
# A plan has room for 64 tools, including built-in tools.
MOST_WORKSPACE_TOOLS: Final = 52


def require_different(names: list[str]) -> list[str]:
    """Return the names. Raises ValueError for a name that occurs twice."""
    if len(set(names)) != len(names):
        raise ValueError("must contain each name only once")
    return names


class McpToolChoice(ConfigPart):
    """Tools of an MCP server that an agent may use."""

    server: ToolTitle = Field(description="Name of the MCP server.", examples=["calendar"])
    tools: Annotated[
        list[Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=PLAIN)]],
        AfterValidator(require_different),
    ] = Field(
        min_length=1,
        max_length=MOST_MCP_TOOLS,
        description="Names of up to 32 tools as the server lists them. The agent cannot use other tools of the server.",
        examples=[["find_slots"]],
    )


def require_few(choices: list[McpToolChoice]) -> list[McpToolChoice]:
    """Return the choices. Raises ValueError for a server that occurs twice, and for too many tools."""
    if len({choice.server for choice in choices}) < len(choices):
        raise ValueError("must name each server only once")
    if sum(len(choice.tools) for choice in choices) > MOST_MCP_TOOLS:
        raise ValueError(f"must name at most {MOST_MCP_TOOLS} tools in all")
    return choices


def require_free_names(tools: list[ActionToolConfig]) -> list[ActionToolConfig]:
    """Return the tools. Raises ValueError for a name that occurs twice or belongs to a tool of the platform."""
    names = [tool.name for tool in tools]
    require_different(names)
    if taken := RESERVED_NAMES.intersection(names):
        raise ValueError(f"must not have names of the platform's tools ({', '.join(sorted(taken))})")
    return tools


def require_room(http: list[str], mcp: list[McpToolChoice], actions: list[ActionToolConfig]) -> None:
    """Raise ValueError for more tools than a plan has room for, and for a name that two tools share."""
    if len(http) + sum(len(choice.tools) for choice in mcp) + len(actions) > MOST_WORKSPACE_TOOLS:
        raise ValueError(f"names more than {MOST_WORKSPACE_TOOLS} tools in http_tools, mcp_tools and action_tools")
    if taken := {tool.name for tool in actions}.intersection(http):
        raise ValueError(f"has an HTTP tool and an action tool with the name {min(taken)}")
