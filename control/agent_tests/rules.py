"""What a test case, a run and a report hold. Pure functions."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints, TypeAdapter

from control.agents.variables import CallVariables
from control.http.body import LANGUAGE, PLAIN
from control.http.fields import AgentId, CreatedAt, Id, UpdatedAt
from shared.errors import Invalid
from shared.plan import BUILT_IN_TOOLS

MOST_TURNS: Final = 100
MOST_TOOLS: Final = 200
MOST_ASSERTIONS: Final = 100
LONGEST_WORDS: Final = 2_000
LONGEST_RESULT: Final = 20_000
# A call may last an hour.
LONGEST_MS: Final = 3_600_000

Words = Annotated[str, StringConstraints(max_length=LONGEST_WORDS, pattern=PLAIN)]
Milliseconds = Annotated[int, Field(ge=0, le=LONGEST_MS)]
_STRICT: Final = ConfigDict(extra="forbid")

Expectation = Literal[
    "says",
    "never_says",
    "calls_tool",
    "never_calls_tool",
    "ends",
    "transfers",
    "never_transfers",
    "announces",
    "answers_within",
    "silence_within",
    "yields_within",
    "never_cuts_off",
]
# The fields that an assertion of each kind needs, besides `kind`.
NEEDED: Final[Mapping[Expectation, str]] = {
    "says": "value",
    "never_says": "value",
    "calls_tool": "value",
    "never_calls_tool": "value",
    "ends": "value",
    "transfers": "value",
    "never_transfers": "",
    "announces": "value",
    "answers_within": "most_ms",
    "silence_within": "most_ms",
    "yields_within": "most_ms",
    "never_cuts_off": "",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedTurn:
    """What the caller says at once, and when."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    text: Annotated[
        Words, Field(min_length=1, description="The words of the caller.", examples=["I need an appointment."])
    ]
    reacts_to: Annotated[
        Words,
        Field(
            description="The agent's words that the caller reacts to; empty if the caller waits for no words.",
            examples=["How can I help you?"],
        ),
    ] = ""
    pause_ms: Annotated[
        Milliseconds,
        Field(description="Silence before the turn, in ms: after the agent's words, or after the turn before."),
    ] = 500
    interrupts_after_words: Annotated[
        int | None,
        Field(
            ge=0,
            le=1_000,
            description="The caller interrupts after so many words of the agent; null: the caller lets the agent "
            "finish.",
            examples=[6],
        ),
    ] = None
    is_optional: Annotated[
        bool, Field(description="The caller says it only if the agent's words resemble `reacts_to`.")
    ] = False
    start_ms: Annotated[
        Milliseconds | None,
        Field(
            description="Where the turn begins in the source call's recording; null: the local voice speaks it.",
            examples=[12_400],
        ),
    ] = None
    end_ms: Annotated[
        Milliseconds | None,
        Field(description="Where the turn ends in the source call's recording; null as above.", examples=[14_100]),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedOutcome:
    """What a tool answers in a test. A run takes the first unused outcome that fits the tool's name and arguments."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    name: Annotated[str, Field(min_length=1, max_length=64, description="Name of the tool.", examples=["book"])]
    arguments: Annotated[
        dict[str, Any] | None,
        Field(
            description="The outcome fits only calls with these arguments; null: any arguments.",
            examples=[{"day": "Friday"}],
        ),
    ] = None
    result: Annotated[
        Annotated[str, StringConstraints(max_length=LONGEST_RESULT, pattern=PLAIN)],
        Field(description="The text that the model gets.", examples=["Booked for Friday at 10."]),
    ] = ""
    is_ok: Annotated[bool, Field(description="False: the tool fails with `result` as the reason.")] = True
    delay_ms: Annotated[Milliseconds, Field(description="How long the tool takes, in ms.", examples=[400])] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """What is expected of the agent."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    kind: Annotated[
        Expectation,
        Field(
            description="`says`, `never_says`: words of the agent. `calls_tool`, `never_calls_tool`: a tool by name. "
            "`ends`: an end_reason. `transfers`: a number; `never_transfers`: to no number. `announces`: `disclosure` "
            "or `recording` is heard to its end. `answers_within`: ms from the caller's last word to the agent's "
            "first sound, in each turn. `silence_within`: the longest silence of both sides. `yields_within`: ms "
            "until the agent is silent after an interruption. `never_cuts_off`: the agent does not begin to speak "
            "while the caller speaks.",
            examples=["says"],
        ),
    ]
    value: Annotated[
        Words, Field(description="Words, a tool, a reason, a number or an announcement.", examples=["ten o'clock"])
    ] = ""
    arguments: Annotated[
        dict[str, Any] | None,
        Field(
            description="Of `calls_tool`: arguments that one call of the tool must have; null: any.",
            examples=[{"day": "Friday"}],
        ),
    ] = None
    most_ms: Annotated[Milliseconds | None, Field(description="The limit of a time, in ms.", examples=[2_000])] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseScript:
    """What a test case holds."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    turns: Annotated[
        list[ScriptedTurn], Field(min_length=1, max_length=MOST_TURNS, description="What the caller says, in order.")
    ]
    tools: Annotated[
        list[RecordedOutcome], Field(max_length=MOST_TOOLS, description="What tools answer, in order; nothing is run.")
    ] = field(default_factory=list)
    assertions: Annotated[
        list[Assertion], Field(max_length=MOST_ASSERTIONS, description="What is expected of the agent.")
    ] = field(default_factory=list)
    at: Annotated[
        datetime | None,
        Field(description="Date and time of the call for the agent; null: those of the run."),
    ] = None
    direction: Annotated[
        Literal["inbound", "outbound"], Field(description="`outbound`: the agent has called the other side.")
    ] = "inbound"
    variables: CallVariables = field(default_factory=dict)
    language: Annotated[
        str, Field(pattern=LANGUAGE, description="Language of the caller (BCP 47).", examples=["en"])
    ] = "en"
    hangs_up: Annotated[
        bool, Field(description="The caller hangs up after the last answer; false: the caller waits for the agent.")
    ] = True


SCRIPT: Final = TypeAdapter(CaseScript)

CaseName = Annotated[str, Field(description="Name of the case.", examples=["Books a check-up"])]


@dataclass(frozen=True, slots=True)
class CaseSummary:
    """A test case in a list."""

    id: Id
    agent_id: AgentId
    name: CaseName
    source_call_id: Annotated[UUID | None, Field(description="Id of the call that it was made from; null for none.")]
    created_at: CreatedAt
    updated_at: UpdatedAt


@dataclass(frozen=True, slots=True)
class AgentTestCase:
    """A test case with its script.

    Attributes:
        has_audio: The source call has a recording, and nothing was redacted in it.
    """

    summary: CaseSummary
    script: CaseScript
    has_audio: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether an assertion holds."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    check: Annotated[str, Field(max_length=3_000, description="What was checked.", examples=['says "ten o\'clock"'])]
    passed: Annotated[bool, Field(description="Whether it holds.")]
    detail: Annotated[str, Field(max_length=5_000, description="What was found.", examples=["said at 12.4 s"])] = ""
    at_ms: Annotated[
        Milliseconds | None,
        Field(description="Where in the run's recording, in ms; null for nowhere.", examples=[12_400]),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardUtterance:
    """What was heard in a run."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    speaker: Annotated[Literal["caller", "agent"], Field(description="Who spoke.")]
    text: Annotated[str, Field(max_length=20_000, description="What was heard.", examples=["I need an appointment."])]
    start_ms: Annotated[Milliseconds, Field(description="Beginning, in ms since the call began.", examples=[4_200])]
    end_ms: Annotated[Milliseconds, Field(description="End, in ms since the call began.", examples=[5_900])]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolUseReport:
    """A call of a tool in a run."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    name: Annotated[str, Field(max_length=64, description="Name of the tool.", examples=["book"])]
    arguments: Annotated[
        str, Field(max_length=20_000, description="JSON as the model wrote it.", examples=['{"day": "Friday"}'])
    ] = ""
    is_ok: Annotated[bool, Field(description="Whether the tool succeeded.")] = True
    result: Annotated[
        str,
        Field(
            max_length=LONGEST_RESULT, description="The text that the model got.", examples=["Booked for Friday at 10."]
        ),
    ] = ""
    at_ms: Annotated[Milliseconds, Field(description="When it was called, in ms since the call began.")] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseReport:
    """What happened in one case of a run."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    verdicts: Annotated[
        list[Verdict], Field(max_length=MOST_ASSERTIONS + 20, description="One for each assertion, and for faults.")
    ] = field(default_factory=list)
    utterances: Annotated[list[HeardUtterance], Field(max_length=2_000, description="What was heard, in order.")] = (
        field(default_factory=list)
    )
    tool_calls: Annotated[
        list[ToolUseReport], Field(max_length=1_000, description="Tools that the agent called, in order.")
    ] = field(default_factory=list)
    end_reason: Annotated[str, Field(max_length=40, description="How it ended.", examples=["caller_hangup"])] = ""
    duration_ms: Annotated[Milliseconds, Field(description="How long the call was, in ms.", examples=[41_000])] = 0
    error: Annotated[
        str, Field(max_length=2_000, description="Why the case could not be run; empty if it was.", examples=[""])
    ] = ""


REPORT: Final = TypeAdapter(CaseReport)
ResultStatus = Literal["pending", "passed", "failed", "error"]


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What became of a case in a run."""

    case_id: Annotated[UUID, Field(description="Id of the test case.")]
    name: CaseName
    status: Annotated[ResultStatus, Field(description="`pending`: not run yet. `error`: it could not be run.")]
    report: Annotated[CaseReport | None, Field(description="What happened; null before.")]
    finished_at: Annotated[datetime | None, Field(description="When it was done (UTC); null before.")]


@dataclass(frozen=True, slots=True)
class AgentTestRun:
    """A run of test cases and how far it is. Results of cases that were deleted are not counted."""

    id: Id
    agent_id: AgentId
    agent_version: Annotated[int, Field(description="The version that is tested.", examples=[3])]
    pending: Annotated[int, Field(description="Cases that were not run yet.", examples=[2])]
    passed: Annotated[int, Field(description="Cases in which every assertion held.", examples=[37])]
    failed: Annotated[int, Field(description="Cases in which an assertion did not hold.", examples=[1])]
    errors: Annotated[int, Field(description="Cases that could not be run.", examples=[0])]
    created_at: CreatedAt


def require_consistent(script: CaseScript) -> None:
    """Checks what fields alone cannot. Raises Invalid, which names the field."""
    for place, turn in enumerate(script.turns):
        at = f"script.turns.{place}"
        if (turn.start_ms is None) != (turn.end_ms is None):
            raise Invalid(f"{at}: start_ms and end_ms go together.", param=f"{at}.end_ms", code="span_incomplete")
        if turn.start_ms is not None and turn.end_ms is not None and turn.start_ms >= turn.end_ms:
            raise Invalid(f"{at}: end_ms is not after start_ms.", param=f"{at}.end_ms", code="span_incomplete")
    for place, assertion in enumerate(script.assertions):
        needed = NEEDED[assertion.kind]
        if needed and getattr(assertion, needed) in ("", None):
            at = f"script.assertions.{place}.{needed}"
            raise Invalid(f"{at}: {assertion.kind} needs it.", param=at, code="assertion_incomplete")


def find_status(report: CaseReport) -> ResultStatus:
    """Returns what the report means for its case."""
    if report.error:
        return "error"
    return "passed" if all(verdict.passed for verdict in report.verdicts) else "failed"


def count_statuses(statuses: Iterable[ResultStatus]) -> Mapping[str, int]:
    """Returns the numbers of results by the field of AgentTestRun."""
    counted = Counter(statuses)
    return {
        "pending": counted["pending"],
        "passed": counted["passed"],
        "failed": counted["failed"],
        "errors": counted["error"],
    }


def is_built_in(tool: str) -> bool:
    """Returns whether media runs the tool itself, so that it needs no outcome."""
    return tool in BUILT_IN_TOOLS
