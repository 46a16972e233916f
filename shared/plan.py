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
# The tool of agents whose transfers are warm: control calls the target and asks whether it accepts. It has the name of
# the built-in tool, which transfers blind.
WARM_TRANSFER: Final = "transfer"
# Presses keys for the other side. The tool is built in, or a request to control if the carrier makes the tones
# (Telnyx).
SEND_DIGITS: Final = "send_digits"
# The name of `send_digits` in the plan of a call whose carrier makes no tones. There it is a tool that control runs. It
# has its own name, because nodes of the previous version reject a plan with an unknown built-in tool; they offer this
# tool to the model, and control refuses it. Nodes of this version turn it into `send_digits`.
SEND_TONES: Final = "send_tones"
# The maximum number of keys and pauses in one run of the tool.
LONGEST_KEYS: Final = 64
FirstMessage = Literal["agent_first", "wait_for_caller"]
AnnouncementKind = Literal["disclosure", "recording"]
Seconds = Annotated[int, Meta(ge=0, le=86_400)]
# The maximum number of characters of an agent's texts after their placeholders are filled.
LONGEST_GREETING: Final = 2_000
LONGEST_PROMPT: Final = 100_000
LONGEST_GOODBYE: Final = 500
LONGEST_ANNOUNCEMENT: Final = 2_000
LONGEST_VOICEMAIL: Final = 1_500
MOST_PRONUNCIATIONS: Final = 200
# Languages in addition to the agent's main one. Recognizers distinguish many languages less well.
MOST_MORE_LANGUAGES: Final = 4
LONGEST_KEYTERM: Final = 60
# The maximum number of providers in a fallback chain.
LONGEST_CHAIN: Final = 8


class PlanError(ValueError):
    """The plan is invalid; the message names every invalid field."""


class AgentPlan(Struct, frozen=True, forbid_unknown_fields=True):
    """The agent that answers. If the greeting is empty, the agent waits for the caller to speak.

    Attributes:
        prompt: The system prompt. The local receptionist reads its facts from it, one per line or sentence.
        fallback_number: The target for "let me speak to a person": an E.164 number, optionally with ";ext=" and an
            extension, or a SIP URI. If it is empty, the agent takes a message instead.
    """

    name: Annotated[str, Meta(min_length=1, max_length=200)] = "Front desk"
    greeting: Annotated[str, Meta(max_length=LONGEST_GREETING)] = ""
    prompt: Annotated[str, Meta(max_length=LONGEST_PROMPT)] = ""
    language: Annotated[str, Meta(min_length=2, max_length=20)] = "en"
    goodbye: Annotated[str, Meta(max_length=LONGEST_GOODBYE)] = "Goodbye."
    fallback_number: Annotated[str, Meta(max_length=200)] = ""


def _no_options() -> dict[str, Any]:
    """Return an empty dict. `dict` itself as the factory would make `omit_defaults` drop options, which are always
    written."""
    return {}


class ProviderPlan(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One provider of a fallback chain.

    Attributes:
        provider: The name of the configured instance in events, metrics and health.
        options: The vendor's options, which the vendor checks.
        vendor: The adapter that makes the provider. If it is empty, the adapter has the provider's name.
        guarded: A customer gave the address, so only the public internet may be connected to.
        own_key: The vendor bills the workspace, because the key or server belongs to it.
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
    """A language in which the call may continue if the caller speaks it.

    Attributes:
        language: BCP 47.
        goodbye: The agent's last words in the language. If it is empty, our own translation is used, or else the
            agent's goodbye.
        tts: The fallback chain of voices. If it is empty, the call's voices also speak the language.
    """

    language: Annotated[str, Meta(min_length=2, max_length=20)]
    goodbye: Annotated[str, Meta(max_length=LONGEST_GOODBYE)] = ""
    tts: Annotated[list[ProviderPlan], Meta(max_length=LONGEST_CHAIN)] = []


BargeIn = Literal["off", "polite", "eager"]
Patience = Literal["quick", "normal", "patient"]


class TurnPlan(Struct, frozen=True, forbid_unknown_fields=True):
    """Turn-taking. Silence is counted from the true end of the caller's speech.

    Attributes:
        silence_ms: If the plan is not adaptive, the silence that ends the caller's turn. Otherwise 600 means the
            silences of least expected cost, and another value scales them: 300 halves them.
        adaptive: The caller's words and voice decide how long the silence must be.
        patience: "quick", "normal" or "patient": how much worse cutting the caller off is than waiting. Unset means
            normal and is not written, so that nodes of the previous version can read the plan.
        barge_in: Whether the caller may interrupt. "polite" or true lowers the agent's volume while speech may be a
            backchannel, then silences it. "eager" silences it at once. "off" or false never does.
        min_words: The number of words, without backchannels, that make an interruption.
        smart_turn: Ask the smart-turn model at each pause (about 45 ms of a core each).
        speculate: If the plan is adaptive, request the answer shortly before the caller's turn ends, and hold it until
            then. Unset means yes and is not written, so that nodes of the previous version can read the plan.
    """

    silence_ms: Annotated[int, Meta(ge=100, le=5_000)] = 600
    adaptive: bool = True
    barge_in: bool | BargeIn = True
    min_words: Annotated[int, Meta(ge=1, le=10)] = 1
    smart_turn: bool = False
    speculate: bool | UnsetType = UNSET
    patience: Patience | UnsetType = UNSET


class LimitsPlan(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Time limits of a call in seconds. Zero disables a limit.

    Defaults are left out of the JSON, so that nodes of the previous version can read plans without newer limits.

    Attributes:
        idle_nudge_s: Silence of both sides, counted from played audio, after which the agent asks whether the caller is
            there.
        silence_s: Silence of both sides after which the call ends.
        reply_s: The longest silence that the caller hears while a reply is due. The agent apologizes before it is
            reached, and gives up when it is reached.
        filler_s: Silence while a reply is due after which the agent says that it is busy. It is counted from the end of
            the caller's speech, but includes at most `silence_ms` of the silence that ended the turn.
    """

    max_duration_s: Seconds = 3_600
    idle_nudge_s: Seconds = 10
    silence_s: Seconds = 30
    reply_s: Annotated[float, Meta(ge=0, le=60)] = 8.0
    filler_s: Annotated[float, Meta(ge=0, le=60)] = 1.2


class Pronunciation(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The pronunciation of a word in the agent's main language.

    Attributes:
        word: The word as it is written.
        say: A spelling that voices get in the word's place.
        ipa: IPA, for voices that accept it. Other voices get `say`, or, if that is empty, the word.
    """

    word: Annotated[str, Meta(min_length=1, max_length=60, pattern=r"\A\S+\Z")]
    say: Annotated[str, Meta(max_length=120, pattern=r"\A\Z|\S")] = ""
    ipa: Annotated[str, Meta(max_length=LONGEST_IPA)] = ""


class SpeechPlan(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How words are pronounced and which words are expected.

    Attributes:
        pronunciations: The agent's pronunciations.
        keyterms: Words that recognizers should expect, most important first: the agent's words and the known caller's
            name.
    """

    pronunciations: Annotated[tuple[Pronunciation, ...], Meta(max_length=MOST_PRONUNCIATIONS)] = ()
    keyterms: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=LONGEST_KEYTERM)], ...], Meta(max_length=100)
    ] = ()


class ContextPlan(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The facts about the call that the language model gets besides the prompt: its direction and the current local
    time.

    Attributes:
        timezone: The time zone of the business, a name of the IANA database.
        direction: "inbound" means that the caller phoned the agent.
    """

    timezone: Annotated[str, Meta(min_length=1, max_length=64)] = "UTC"
    direction: Literal["inbound", "outbound"] = "inbound"


class ConsentPlan(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Consent to a recording by announcement: nothing is recorded before the caller has heard it to its end.

    Attributes:
        refusal_words: What a caller may say to refuse a recording, in addition to the known sentences of the language.
        refusal_key: The key that refuses a recording. Empty means none.
    """

    announcement: Annotated[str, Meta(max_length=LONGEST_ANNOUNCEMENT)]
    refusal_words: Annotated[tuple[Annotated[str, Meta(max_length=100)], ...], Meta(max_length=20)] = ()
    refusal_key: Annotated[str, Meta(pattern=r"\A[0-9*#]?\Z")] = ""


class HeardMessage(Struct, frozen=True, forbid_unknown_fields=True):
    """One message of a conversation as the caller heard it.

    Attributes:
        calls: (id, name, arguments) of the assistant's tool calls.
        call_id: The tool call to which a result belongs.
    """

    role: Literal["user", "assistant", "tool"]
    text: str
    calls: list[tuple[str, str, str]] = []
    call_id: str = ""


class ResumePoint(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where a call resumes after its media node or socket was lost, or after a transfer that led back to the agent.

    Attributes:
        messages: The conversation up to the last checkpoint.
        turn: The number of the caller's turns so far.
        usage: The consumption up to the last checkpoint.
        began_ms: When the first stream started, Unix time in ms: the zero of the call's clock.
        lost_ms: When the last checkpoint was written, Unix time in ms.
        announced: The announcements that the caller has heard to their ends.
        recording_refused: The caller does not want to be recorded.
        transfer_failure: Why the caller is back. None after a loss.
        language: The language of the conversation. Empty means the agent's main one.
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

    None and empty texts stand for the tool's own values.

    Attributes:
        parameters: The JSON Schema of a remote tool's arguments.
        timeout_s: The longest run in seconds.
        filler: Said while a run keeps the caller waiting. Empty means nothing.
        ends_call: The call ends after the tool has succeeded, unless the caller talked over it.
        secret: The result is left out of events.
        repeatable: Control may run the tool again if it is unknown whether the first run succeeded (a look-up, but not
            a booking).
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

    Defaults are left out of the JSON, so that nodes of the previous version can read plans that use no new fields.

    Attributes:
        tools: An unchanged built-in tool is listed by its name, so that nodes of the previous version can read the
            plan; other tools are listed in full.
        leg: The number of this media stream in the call, from 0. Each stream has its own range of event numbers.
        resume: The state from which a later stream starts.
        context: If None, the model gets only the prompt, as from programs of the previous version.
        first_message: Who speaks first. With "wait_for_caller", the greeting answers the caller's first words, or comes
            after `idle_nudge_s` of silence.
        greeting_interruptible: If false, the greeting is played to its end, and what the caller said meanwhile is
            answered after it.
        disclosure: Says that an artificial voice speaks. It is heard to its end before anything else. Empty means that
            nothing is said.
        recording: Media records the call.
        consent: What must be announced before media or the carrier records the call. None means that the call is
            recorded from its beginning.
        voicemail_message: The last words, played to their end, if an answering machine has taken an outbound call and
            control ends the call for that reason. Empty means that the call ends without a message.
        screening: Whether a called phone that asks who is calling gets an answer, or the call ends as at an answering
            machine.
        screening_message: Said to such a phone. If it is empty, the model answers.
        speech: How words are pronounced, and which words are expected.
        languages: Languages besides the agent's main one, in which the call continues if the caller speaks them.
        stream_credential: With it the node proves its reports on the call (`shared/bus/stream_credentials.py`). Only in
            tickets.
        right: In a test call in the browser, the node uses it to ask whether the call may continue (`RightCheck`).
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
    """Decode a plan from JSON. Raises PlanError, which names every invalid field."""
    try:
        raw = msgspec.json.decode(text)
        return msgspec.convert(raw, CallPlan)
    except msgspec.ValidationError as error:
        raise PlanError(f"plan: {'; '.join(_errors(raw, CallPlan, ''))}") from error
    except msgspec.MsgspecError as error:
        raise PlanError(f"plan: {error}") from error


def read_plan(path: Path) -> CallPlan:
    """Read a plan file. Raises PlanError, which names the file and every invalid field."""
    try:
        return decode_plan(path.read_bytes())
    except OSError as error:
        raise PlanError(f"plan file {path}: {error.strerror}") from error
    except PlanError as error:
        raise PlanError(f"{path}: {error}") from error


def encode_plan(plan: CallPlan) -> bytes:
    return msgspec.json.encode(plan)


def _errors(raw: Any, kind: Any, at: str) -> Iterator[str]:
    """Yield all errors of a decoded value against a type. msgspec reports only the first."""
    nested = list(_nested_errors(raw, _plain_type(kind, raw), at))
    if nested:
        yield from nested
        return
    try:
        msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        yield f"{at}: {error}" if at else str(error)


def _plain_type(kind: Any, raw: Any) -> Any:
    """Return the type without its bounds. For an object and a union, return the struct in the union."""
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
