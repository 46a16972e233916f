"""The call plan: everything that media needs to run one call.

Control (or a file) writes it, media reads it.
"""

from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from shared.events import CallUsage, TransferFailure
from shared.ipa import LONGEST_IPA

Ms = Annotated[int, Meta(ge=0, le=600_000)]
ToolName = Literal["end_call", "collect_digits", "transfer", "send_digits"]
BUILT_IN_TOOLS: tuple[str, ...] = get_args(ToolName)
# The tool of agents whose transfers are warm: control calls the target, and asks it. Its name is that of the built-in
# one, which transfers blind.
WARM_TRANSFER: Final = "transfer"
# Presses keys for the other side: built in, or asked of control where the carrier makes the tones (Telnyx).
SEND_DIGITS: Final = "send_digits"
# The same in the plan of a call whose carrier makes no tones. Such plans have it as a tool that control runs, and under
# this name, because nodes of the version before refuse a plan with a built-in tool that they do not know: they offer it
# to the model as what its description says, and control refuses it. This version's nodes make it `send_digits`.
SEND_TONES: Final = "send_tones"
# Keys and pauses of one run of it.
LONGEST_KEYS: Final = 64
FirstMessage = Literal["agent_first", "wait_for_caller"]
AnnouncementKind = Literal["disclosure", "recording"]
Seconds = Annotated[int, Meta(ge=0, le=86_400)]
# Characters of an agent's texts, with their placeholders filled.
LONGEST_GREETING: Final = 2_000
LONGEST_PROMPT: Final = 100_000
LONGEST_GOODBYE: Final = 500
LONGEST_ANNOUNCEMENT: Final = 2_000
LONGEST_VOICEMAIL: Final = 1_500
MOST_PRONUNCIATIONS: Final = 200
# Besides the agent's main one: recognizers that are told of many tell them apart less well.
MOST_MORE_LANGUAGES: Final = 4
LONGEST_KEYTERM: Final = 60
# Providers of a fallback chain.
LONGEST_CHAIN: Final = 8


class PlanError(ValueError):
    """The plan is invalid; the message names every invalid field."""


class AgentPlan(Struct, frozen=True, forbid_unknown_fields=True):
    """The agent that answers. With an empty greeting, the agent waits for the caller to speak.

    prompt: the system prompt; the local receptionist reads its facts from it, one per line or sentence.
    fallback_number: E.164 number, perhaps with ";ext=" and an extension, or a SIP URI, for "let me speak to a
    person"; if it is empty, the agent takes a message instead.
    """

    name: Annotated[str, Meta(min_length=1, max_length=200)] = "Front desk"
    greeting: Annotated[str, Meta(max_length=LONGEST_GREETING)] = ""
    prompt: Annotated[str, Meta(max_length=LONGEST_PROMPT)] = ""
    language: Annotated[str, Meta(min_length=2, max_length=20)] = "en"
    goodbye: Annotated[str, Meta(max_length=LONGEST_GOODBYE)] = "Goodbye."
    fallback_number: Annotated[str, Meta(max_length=200)] = ""


def _no_options() -> dict[str, Any]:
    """A factory of our own: `omit_defaults` would leave out what `dict` made, and options are always written."""
    return {}


class ProviderPlan(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One provider of a fallback chain.

    provider: the configured instance, as events, metrics and health name it. options: of its vendor, which checks them.
    vendor: the adapter that makes it; empty: the one of the provider's own name. guarded: a customer gave its address,
    so only the public internet may be connected to. own_key: the vendor bills the workspace, whose key or server it is.
    """

    provider: Annotated[str, Meta(min_length=1, max_length=60)]
    options: dict[str, Any] = msgspec.field(default_factory=_no_options)
    vendor: Annotated[str, Meta(max_length=60)] = ""
    guarded: bool = False
    own_key: bool = False

    @property
    def vendor_name(self) -> str:
        """The adapter's name."""
        return self.vendor or self.provider


class LanguagePlan(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A language that the call may go on in, if the caller speaks it.

    language: BCP 47. goodbye: the agent's last words in it; empty: those that we have, else the agent's. tts: the
    voices' fallback chain; empty: the call's, whose voices speak it, too.
    """

    language: Annotated[str, Meta(min_length=2, max_length=20)]
    goodbye: Annotated[str, Meta(max_length=LONGEST_GOODBYE)] = ""
    tts: Annotated[list[ProviderPlan], Meta(max_length=LONGEST_CHAIN)] = []


BargeIn = Literal["off", "polite", "eager"]
Patience = Literal["quick", "normal", "patient"]


class TurnPlan(Struct, frozen=True, forbid_unknown_fields=True):
    """Turn-taking. Silence is counted from the true end of the caller's speech.

    silence_ms: if the plan is not adaptive, the silence that ends the caller's turn. Otherwise 600 means the silences
        of least expected cost, and another value scales them: 300 halves them.
    adaptive: what the caller says and how decides how long the silence must be.
    patience: "quick", "normal" or "patient": how much worse a cut is than waiting. Unset means normal, and is not
        written, so that nodes of the version before read such a plan.
    barge_in: the caller may interrupt. "polite" or true: the agent is lowered while speech may be a nod, then silent;
        "eager": it is silent at once; "off" or false: never.
    min_words: words (backchannels not counted) that make an interruption.
    smart_turn: ask the smart-turn model at each pause (about 45 ms of a core each).
    speculate: ask for the answer shortly before the caller's turn ends, and hold it until then; if it is adaptive.
        Unset means yes, and is not written, so that nodes of the version before read such a plan.
    """

    silence_ms: Annotated[int, Meta(ge=100, le=5_000)] = 600
    adaptive: bool = True
    barge_in: bool | BargeIn = True
    min_words: Annotated[int, Meta(ge=1, le=10)] = 1
    smart_turn: bool = False
    speculate: bool | UnsetType = UNSET
    patience: Patience | UnsetType = UNSET


class LimitsPlan(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Time limits of a call. Zero turns a limit off. Defaults are left out of the JSON, so that nodes of the version
    before read plans without newer limits.

    idle_nudge_s: silence of both sides, counted from played audio, after which the agent asks if the caller is there.
    silence_s: silence of both sides after which the call ends.
    reply_s: longest silence that the caller hears while a reply is due: the agent apologizes before it is reached, and
    gives up when it is.
    filler_s: silence while a reply is due after which the agent says that it is busy, counted from the end of the
    caller's speech; of the silence that ended the turn no more than `silence_ms` counts.
    """

    max_duration_s: Seconds = 3_600
    idle_nudge_s: Seconds = 10
    silence_s: Seconds = 30
    reply_s: Annotated[float, Meta(ge=0, le=60)] = 8.0
    filler_s: Annotated[float, Meta(ge=0, le=60)] = 1.2


class Pronunciation(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A word, as it is written, and how it sounds in the agent's main language. say: in letters, given to the voices in
    the word's place. ipa: in IPA, for voices that take it; the others say the letters, or, without any, the word."""

    word: Annotated[str, Meta(min_length=1, max_length=60, pattern=r"\A\S+\Z")]
    say: Annotated[str, Meta(max_length=120, pattern=r"\A\Z|\S")] = ""
    ipa: Annotated[str, Meta(max_length=LONGEST_IPA)] = ""


class SpeechPlan(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """pronunciations: of the agent. keyterms: words that recognizers are to expect, the most important first: the
    agent's, and the known caller's name."""

    pronunciations: Annotated[tuple[Pronunciation, ...], Meta(max_length=MOST_PRONUNCIATIONS)] = ()
    keyterms: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=LONGEST_KEYTERM)], ...], Meta(max_length=100)
    ] = ()


class ContextPlan(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the language model is told of the call besides the prompt: its direction, and the local time as it passes.

    timezone: where the business is, a name of the IANA database. direction: "inbound": the caller phoned the agent.
    """

    timezone: Annotated[str, Meta(min_length=1, max_length=64)] = "UTC"
    direction: Literal["inbound", "outbound"] = "inbound"


class ConsentPlan(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Consent to a recording by announcement: nothing is recorded before the caller has heard it to its end.

    refusal_words: what a caller says who does not want to be recorded, besides the sentences known for the language.
    refusal_key: the key that says the same; empty: none.
    """

    announcement: Annotated[str, Meta(max_length=LONGEST_ANNOUNCEMENT)]
    refusal_words: Annotated[tuple[Annotated[str, Meta(max_length=100)], ...], Meta(max_length=20)] = ()
    refusal_key: Annotated[str, Meta(pattern=r"\A[0-9*#]?\Z")] = ""


class HeardMessage(Struct, frozen=True, forbid_unknown_fields=True):
    """One message of a conversation as it was heard. calls: (id, name, arguments) of the assistant's tool calls.
    call_id: the tool call that a result belongs to."""

    role: Literal["user", "assistant", "tool"]
    text: str
    calls: list[tuple[str, str, str]] = []
    call_id: str = ""


class ResumePoint(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where a call is resumed after its media node or socket was lost, or after a transfer that led back to the agent.

    messages: the conversation up to the last checkpoint. turn: number of the caller's turns so far. usage: consumption
    until then. began_ms: Unix time in ms of the first stream's start, the zero of the call's clock. lost_ms: Unix time
    in ms of the last checkpoint. announced: the announcements that the caller has heard to their ends.
    recording_refused: the caller does not want to be recorded. transfer_failure: why the caller is back; None after a
    loss. language: that the conversation was in; empty: the agent's main one.
    """

    messages: list[HeardMessage]
    turn: Annotated[int, Meta(ge=0)]
    usage: CallUsage
    began_ms: Annotated[int, Meta(ge=0)]
    lost_ms: Annotated[int, Meta(ge=0)]
    announced: tuple[str, ...] = ()
    recording_refused: bool = False
    transfer_failure: TransferFailure | None = None
    language: Annotated[str, Meta(max_length=20)] = ""


class ToolPlan(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A tool that the agent may use: a built-in one with changes, or a remote one, which control runs.

    parameters: JSON Schema of a remote tool's arguments. timeout_s: longest run. filler: said while a run keeps the
    caller waiting; empty: nothing. ends_call: the call ends after the tool has succeeded, unless the caller talked over
    it. secret: its result is left out of events. repeatable: control may run it again where nobody knows whether it was
    done (a look-up, no booking). None and empty texts stand for the tool's own.
    """

    name: Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_-]{1,64}\Z")]
    description: Annotated[str, Meta(max_length=2_000)] = ""
    parameters: dict[str, Any] = {}
    timeout_s: Annotated[float, Meta(gt=0, le=120)] | None = None
    filler: Annotated[str, Meta(max_length=300)] | None = None
    ends_call: bool = False
    secret: bool = False
    repeatable: bool = False
    remote: bool = False

    def __post_init__(self) -> None:
        if not self.remote and self.name not in BUILT_IN_TOOLS:
            raise ValueError(f"name: no built-in tool ({', '.join(BUILT_IN_TOOLS)}), and not remote")


class CallPlan(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One call's plan. Each provider list is a fallback chain, first choice first.

    tools: a built-in tool as it is by its name, so that nodes of the version before can read the plan; others in full.
    leg: which media stream of the call this is, from 0; each has its own range of event numbers. resume: the state that
    a later stream starts from. context: None: the model is told the prompt alone, as by programs of the version before.
    first_message: who speaks first. "wait_for_caller": the greeting answers the caller's first words, or comes when the
    caller was silent for `idle_nudge_s`. greeting_interruptible: otherwise it is said to its end, and what the caller
    said meanwhile is answered after it.
    disclosure: says that an artificial voice speaks; heard to its end before anything else; empty: nothing is said.
    recording: media records the call. consent: what must be announced before it is recorded, here or by the carrier;
    None: it is recorded from its beginning.
    voicemail_message: said to its end, and nothing after it, when an answering machine has taken an outbound call and
    control ends it for that; empty: the call just ends.
    screening: whether a called phone that asks who calls gets an answer, or the call ends as at a machine.
    screening_message: said to such a phone; empty: the model answers.
    speech: how words are said, and which are expected.
    languages: besides the agent's main one, those that the call goes on in when the caller speaks them.
    stream_credential: with it the node proves what it reports of the call (`shared/bus/stream_credentials.py`); only in
    tickets.
    right: of a test call in the browser; with it the node asks whether the call may go on (`RightCheck`).
    Defaults are left out of the JSON, so that nodes of the version before read plans that don't use what is new.
    """

    agent: AgentPlan
    stt: Annotated[list[ProviderPlan], Meta(min_length=1, max_length=LONGEST_CHAIN)]
    llm: Annotated[list[ProviderPlan], Meta(min_length=1, max_length=LONGEST_CHAIN)]
    tts: Annotated[list[ProviderPlan], Meta(min_length=1, max_length=LONGEST_CHAIN)]
    turn: TurnPlan = TurnPlan()
    limits: LimitsPlan = LimitsPlan()
    tools: Annotated[tuple[ToolName | ToolPlan, ...], Meta(max_length=64)] = ("end_call", "collect_digits")
    recording: bool = False
    call_id: Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_-]{0,64}\Z")] = ""  # becomes part of file names
    workspace_id: str = ""
    agent_id: str = ""
    leg: Annotated[int, Meta(ge=0, le=20)] = 0
    resume: ResumePoint | None = None
    context: ContextPlan | None = None
    first_message: FirstMessage = "agent_first"
    greeting_interruptible: bool = True
    disclosure: Annotated[str, Meta(max_length=LONGEST_ANNOUNCEMENT)] = ""
    consent: ConsentPlan | None = None
    voicemail_message: Annotated[str, Meta(max_length=LONGEST_VOICEMAIL)] = ""
    screening: Literal["answer", "end"] = "answer"
    screening_message: Annotated[str, Meta(max_length=LONGEST_VOICEMAIL)] = ""
    speech: SpeechPlan = SpeechPlan()
    languages: Annotated[tuple[LanguagePlan, ...], Meta(max_length=MOST_MORE_LANGUAGES)] = ()
    stream_credential: Annotated[str, Meta(max_length=300)] = msgspec.field(default="", name="voucher")
    right: Annotated[str, Meta(max_length=2_000)] = ""


def decode_plan(text: str | bytes) -> CallPlan:
    """Decodes a plan from JSON. Raises PlanError, which names every invalid field."""
    try:
        raw = msgspec.json.decode(text)
        return msgspec.convert(raw, CallPlan)
    except msgspec.ValidationError as error:
        raise PlanError(f"plan: {'; '.join(_errors(raw, CallPlan, ''))}") from error
    except msgspec.MsgspecError as error:
        raise PlanError(f"plan: {error}") from error


def read_plan(path: Path) -> CallPlan:
    """Reads a plan file. Raises PlanError, which names the file and every invalid field."""
    try:
        return decode_plan(path.read_bytes())
    except OSError as error:
        raise PlanError(f"plan file {path}: {error.strerror}") from error
    except PlanError as error:
        raise PlanError(f"{path}: {error}") from error


def encode_plan(plan: CallPlan) -> bytes:
    """Encodes a plan as JSON."""
    return msgspec.json.encode(plan)


def _errors(raw: Any, kind: Any, at: str) -> Iterator[str]:
    """All errors of a decoded value against a type; msgspec reports only the first."""
    nested = list(_nested_errors(raw, _plain_type(kind, raw), at))
    if nested:
        yield from nested
        return
    try:
        msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        yield f"{at}: {error}" if at else str(error)


def _plain_type(kind: Any, raw: Any) -> Any:
    """The type without its bounds; of a union, for an object, the struct in it."""
    if get_origin(kind) is Annotated:
        return _plain_type(get_args(kind)[0], raw)
    if isinstance(raw, dict) and get_origin(kind) in (Union, UnionType):
        return next((part for part in get_args(kind) if isinstance(part, type) and issubclass(part, Struct)), kind)
    return kind


def _nested_errors(raw: Any, kind: Any, at: str) -> Iterator[str]:
    if isinstance(raw, dict) and isinstance(kind, type) and issubclass(kind, Struct):
        fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
        for name in sorted(raw.keys() - fields.keys()):
            yield f"{at}.{name}: unknown field".lstrip(".")
        for name, field in fields.items():
            if name in raw:
                yield from _errors(raw[name], field.type, f"{at}.{name}".lstrip("."))
            elif field.required:
                yield f"{at}.{name}: missing".lstrip(".")
    elif isinstance(raw, list) and get_origin(kind) in (list, tuple):
        for index, item in enumerate(raw):
            yield from _errors(item, get_args(kind)[0], f"{at}[{index}]")
