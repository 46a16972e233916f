"""TwiML: the XML that tells Twilio what to do with a call, read into verbs."""

import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from dataclasses import dataclass, field

_DEEPEST_BYTES = 64 * 1024


class TwimlError(ValueError):
    """The document cannot be read; the error's code in Twilio's debugger is 12100."""

    code = 12100


@dataclass(frozen=True, slots=True)
class Stream:
    """`<Connect><Stream>`: url as it stands; action "" when there is none."""

    url: str
    name: str
    params: Mapping[str, str]
    action: str
    method: str
    status_callback: str
    status_callback_method: str


@dataclass(frozen=True, slots=True)
class Say:
    """Speaks a text; loop 0 is for ever."""

    text: str
    loop: int


@dataclass(frozen=True, slots=True)
class Play:
    """Plays a file; loop 0 is for ever."""

    url: str
    loop: int


@dataclass(frozen=True, slots=True)
class Pause:
    """Silence."""

    length_s: float


@dataclass(frozen=True, slots=True)
class Hangup:
    """Ends the call."""


@dataclass(frozen=True, slots=True)
class Redirect:
    """Goes on with another document."""

    url: str
    method: str


@dataclass(frozen=True, slots=True)
class Reject:
    """Declines a call that was not answered: "rejected" or "busy"."""

    reason: str


@dataclass(frozen=True, slots=True)
class Dial:
    """Calls a number and connects both. callback: of the called leg, its events separated by blanks."""

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


@dataclass(frozen=True, slots=True)
class Unknown:
    """A verb that this network does not know; it is skipped, with a warning in the debugger (12200)."""

    tag: str


Verb = Stream | Say | Play | Pause | Hangup | Redirect | Reject | Dial | Unknown


@dataclass(frozen=True, slots=True)
class Document:
    """The verbs, and the URL that relative ones are relative to."""

    verbs: tuple[Verb, ...]
    base: str = ""
    method: str = field(default="POST")


def read_twiml(text: str | bytes, base: str = "") -> Document:
    """Raises TwimlError."""
    if len(text) > _DEEPEST_BYTES:
        raise TwimlError("a document is at most 64 KiB")
    if (b"<!DOCTYPE" if isinstance(text, bytes) else "<!DOCTYPE") in text:  # type: ignore[operator]
        raise TwimlError("a document type is not allowed")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise TwimlError(f"no XML: {error}") from error
    if root.tag != "Response":
        raise TwimlError(f"the root is <{root.tag}>, not <Response>")
    return Document(tuple(_verb(element) for element in root), base)


def _verb(element: ElementTree.Element) -> Verb:
    text = (element.text or "").strip()
    match element.tag:
        case "Connect":
            return _connect(element)
        case "Say":
            return Say(" ".join("".join(element.itertext()).split()), int(_number(element, "loop", 1)))
        case "Play":
            return Play(text, int(_number(element, "loop", 1)))
        case "Pause":
            return Pause(_number(element, "length", 1))
        case "Hangup":
            return Hangup()
        case "Redirect":
            return Redirect(text, element.get("method", "POST").upper())
        case "Reject":
            return Reject(element.get("reason", "rejected"))
        case "Dial":
            return _dial(element, text)
        case other:
            return Unknown(str(other))


def _connect(element: ElementTree.Element) -> Verb:
    stream = element.find("Stream")
    if stream is None:
        return Unknown("Connect")
    params = {child.get("name", ""): child.get("value", "") for child in stream.findall("Parameter")}
    return Stream(
        stream.get("url", ""),
        stream.get("name", ""),
        params,
        element.get("action", ""),
        element.get("method", "POST").upper(),
        stream.get("statusCallback", ""),
        stream.get("statusCallbackMethod", "POST").upper(),
    )


def _dial(element: ElementTree.Element, text: str) -> Dial:
    noun = element.find("Number")
    number = text if noun is None else (noun.text or "").strip()
    called = {} if noun is None else noun.attrib
    return Dial(
        number,
        element.get("callerId", ""),
        _number(element, "timeout", 30),
        _number(element, "timeLimit", 14_400),
        element.get("action", ""),
        element.get("method", "POST").upper(),
        element.get("answerOnBridge", "false").lower() == "true",
        element.get("record", "do-not-record"),
        element.get("recordingStatusCallback", ""),
        called.get("statusCallback", ""),
        called.get("statusCallbackEvent", "completed"),
    )


def _number(element: ElementTree.Element, name: str, default: float) -> float:
    try:
        return max(0.0, float(element.get(name, default)))
    except ValueError as error:
        raise TwimlError(f'<{element.tag} {name}="{element.get(name)}"> is no number') from error
