"""Parses TwiML (docs: voice/twiml) into verbs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.etree import ElementTree

_MAX_BYTES = 64 * 1024


class TwimlError(ValueError):
    """The document is invalid. Twilio's debugger reports error 12100 (docs: api/errors/12100)."""

    code = 12100


@dataclass(frozen=True, slots=True)
class ConnectStreamVerb:
    """`<Connect><Stream>`: connects the call to a media socket.

    Attributes:
        url: The URL as written.
        action: Empty if there is none.
    """

    url: str
    name: str
    params: Mapping[str, str]
    action: str
    method: str
    status_callback: str
    status_callback_method: str


@dataclass(frozen=True, slots=True)
class StartRecordingVerb:
    """`<Start><Recording>`: records until the call's end (docs: voice/twiml/recording)."""

    dual: bool
    callback: str
    callback_method: str
    callback_events: str


@dataclass(frozen=True, slots=True)
class SayVerb:
    """`<Say>`: speaks a text.

    Attributes:
        loop: 0 repeats endlessly.
        voice: Empty for the default.
        language: Empty for the default.
    """

    text: str
    loop: int
    voice: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True)
class PlayVerb:
    """`<Play>`: plays a file.

    Attributes:
        loop: 0 repeats endlessly.
    """

    url: str
    loop: int


@dataclass(frozen=True, slots=True)
class PauseVerb:
    """`<Pause>`: waits in silence."""

    length_s: float


@dataclass(frozen=True, slots=True)
class HangupVerb:
    """`<Hangup>`: ends the call."""


@dataclass(frozen=True, slots=True)
class RedirectVerb:
    """`<Redirect>`: continues with another document."""

    url: str
    method: str


@dataclass(frozen=True, slots=True)
class RejectVerb:
    """`<Reject>`: rejects an unanswered call.

    Attributes:
        reason: "rejected" or "busy".
    """

    reason: str


@dataclass(frozen=True, slots=True)
class DialVerb:
    """`<Dial>`: calls a number or a SIP URI and bridges both calls.

    Attributes:
        send_digits: Keys that Twilio presses after the called leg has answered.
        callback: Status callback of the called leg.
        callback_events: Separated by spaces.
    """

    number: str
    caller_id: str
    timeout_s: float
    time_limit_s: float
    action: str
    method: str
    answer_on_bridge: bool
    record: str
    recording_callback: str
    callback: str
    callback_events: str
    send_digits: str = ""


@dataclass(frozen=True, slots=True)
class ConferenceVerb:
    """`<Dial><Conference>`: joins a conference (docs: voice/twiml/conference).

    Attributes:
        ends_on_exit: Whether the conference ends for all participants when this participant leaves.
    """

    name: str
    time_limit_s: float
    action: str
    method: str
    ends_on_exit: bool


@dataclass(frozen=True, slots=True)
class GatherVerb:
    """`<Gather>`: takes keys or words during and after its prompts (docs: voice/twiml/gather).

    Attributes:
        takes: "dtmf", "speech" or both.
        empty_too: Whether `action` is requested without input, too.
    """

    prompts: tuple[SayVerb, ...]
    timeout_s: float
    most: int
    action: str
    method: str
    empty_too: bool
    takes: frozenset[str] = frozenset({"dtmf"})


@dataclass(frozen=True, slots=True)
class UnknownVerb:
    """An unsupported verb. It is skipped with warning 12200 (docs: api/errors/12200)."""

    tag: str


Verb = (
    ConnectStreamVerb
    | StartRecordingVerb
    | SayVerb
    | PlayVerb
    | PauseVerb
    | HangupVerb
    | RedirectVerb
    | RejectVerb
    | DialVerb
    | ConferenceVerb
    | GatherVerb
    | UnknownVerb
)


@dataclass(frozen=True, slots=True)
class TwimlDocument:
    """The verbs of a document.

    Attributes:
        base: The URL to which relative URLs refer.
    """

    verbs: tuple[Verb, ...]
    base: str = ""
    method: str = field(default="POST")


def read_twiml(text: str | bytes, base: str = "") -> TwimlDocument:
    """Parse a document. Raises TwimlError."""
    if len(text) > _MAX_BYTES:
        raise TwimlError("a document is at most 64 KiB")
    if (b"<!DOCTYPE" if isinstance(text, bytes) else "<!DOCTYPE") in text:  # type: ignore[operator]
        raise TwimlError("a document type is not allowed")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise TwimlError(f"not XML: {error}") from error
    if root.tag != "Response":
        raise TwimlError(f"the root is <{root.tag}>, not <Response>")
    return TwimlDocument(tuple(_verb(element) for element in root), base)


def _verb(element: ElementTree.Element) -> Verb:  # noqa: PLR0911
    text = (element.text or "").strip()
    match element.tag:
        case "Connect":
            return _connect(element)
        case "Start":
            return _start(element)
        case "Say":
            return _say(element)
        case "Gather":
            return _gather(element)
        case "Play":
            return PlayVerb(text, int(_number(element, "loop", 1)))
        case "Pause":
            return PauseVerb(_number(element, "length", 1))
        case "Hangup":
            return HangupVerb()
        case "Redirect":
            return RedirectVerb(text, element.get("method", "POST").upper())
        case "Reject":
            return RejectVerb(element.get("reason", "rejected"))
        case "Dial":
            return _dial(element, text)
        case other:
            return UnknownVerb(str(other))


def _connect(element: ElementTree.Element) -> Verb:
    stream = element.find("Stream")
    if stream is None:
        return UnknownVerb("Connect")
    params = {child.get("name", ""): child.get("value", "") for child in stream.findall("Parameter")}
    return ConnectStreamVerb(
        url=stream.get("url", ""),
        name=stream.get("name", ""),
        params=params,
        action=element.get("action", ""),
        method=element.get("method", "POST").upper(),
        status_callback=stream.get("statusCallback", ""),
        status_callback_method=stream.get("statusCallbackMethod", "POST").upper(),
    )


def _start(element: ElementTree.Element) -> Verb:
    recording = element.find("Recording")
    if recording is None:
        return UnknownVerb("Start")
    return StartRecordingVerb(
        dual=recording.get("channels", "mono") == "dual",
        callback=recording.get("recordingStatusCallback", ""),
        callback_method=recording.get("recordingStatusCallbackMethod", "POST").upper(),
        callback_events=recording.get("recordingStatusCallbackEvent", "completed"),
    )


def _say(element: ElementTree.Element) -> SayVerb:
    words = " ".join("".join(element.itertext()).split())
    loop = int(_number(element, "loop", 1))
    return SayVerb(words, loop, element.get("voice", ""), element.get("language", ""))


def _gather(element: ElementTree.Element) -> GatherVerb:
    return GatherVerb(
        prompts=tuple(map(_say, element.findall("Say"))),
        timeout_s=_number(element, "timeout", 5),
        most=max(1, int(_number(element, "numDigits", 1))),
        action=element.get("action", ""),
        method=element.get("method", "POST").upper(),
        empty_too=element.get("actionOnEmptyResult", "false").lower() == "true",
        takes=frozenset(element.get("input", "dtmf").split()),
    )


def _dial(element: ElementTree.Element, text: str) -> DialVerb | ConferenceVerb:
    conference = element.find("Conference")
    if conference is not None:
        return ConferenceVerb(
            name=(conference.text or "").strip(),
            time_limit_s=_number(element, "timeLimit", 14_400),
            action=element.get("action", ""),
            method=element.get("method", "POST").upper(),
            ends_on_exit=conference.get("endConferenceOnExit", "false").lower() == "true",
        )
    noun = element.find("Sip") if element.find("Number") is None else element.find("Number")
    number = text if noun is None else (noun.text or "").strip()
    called = {} if noun is None else noun.attrib
    return DialVerb(
        number=number,
        send_digits=called.get("sendDigits", ""),
        caller_id=element.get("callerId", ""),
        timeout_s=_number(element, "timeout", 30),
        time_limit_s=_number(element, "timeLimit", 14_400),
        action=element.get("action", ""),
        method=element.get("method", "POST").upper(),
        answer_on_bridge=element.get("answerOnBridge", "false").lower() == "true",
        record=element.get("record", "do-not-record"),
        recording_callback=element.get("recordingStatusCallback", ""),
        callback=called.get("statusCallback", ""),
        callback_events=called.get("statusCallbackEvent", "completed"),
    )


def _number(element: ElementTree.Element, name: str, default: float) -> float:
    try:
        return max(0.0, float(element.get(name, default)))
    except ValueError as error:
        raise TwimlError(f'<{element.tag} {name}="{element.get(name)}"> is not a number') from error
