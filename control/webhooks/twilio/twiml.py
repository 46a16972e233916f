"""TwiML documents (docs: voice/twiml). Every value is escaped."""

import re
from collections.abc import Sequence
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from control.carriers.rules import EXTENSION_PAUSE
from control.carriers.twilio_forms import choose_voice

# Characters outside XML 1.0's Char production (section 2.2): escaping does not make them valid.
_NOT_XML: Final = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MAX_SAY_LENGTH: Final = 3_000
DIAL_TIMEOUT_S: Final = 30


def connect(
    stream_url: str, token: str, action: str, *, stream_callback: str = "", recording_callback: str = ""
) -> str:
    """Connects the call to a media socket; when the stream ends, Twilio requests `action`.

    stream_callback: where Twilio reports the stream's beginning and end, if anywhere.
    recording_callback: where Twilio reports a recording that it makes from now on; empty: it makes none. So an inbound
    call is recorded from its first moment, which a REST request cannot do: it is refused before the call is in progress
    (docs: TwiML <Recording>).

    The token is a <Parameter>, because a query in the URL of <Stream> is dropped (docs: TwiML <Stream>, error 31920).
    """
    report = f' statusCallback={_quoted(stream_callback)} statusCallbackMethod="POST"' if stream_callback else ""
    stream = f'<Stream url={_quoted(stream_url)}{report}><Parameter name="token" value={_quoted(token)}/></Stream>'
    start = _start_recording(recording_callback) if recording_callback else ""
    return _response(f'{start}<Connect action={_quoted(action)} method="POST">{stream}</Connect>')


def say_and_hang_up(text: str, locale: str) -> str:
    """Speaks up to 3,000 characters by Twilio's voice for the locale (en-US), then hangs up."""
    return _response(f"{_say(text, locale)}<Hangup/>")


def hang_up() -> str:
    """Ends the call."""
    return _response("<Hangup/>")


def reject() -> str:
    """Rejects a call before it is answered, which Twilio does not bill (docs: TwiML <Reject>)."""
    return _response('<Reject reason="rejected"/>')


def dial(number: str, caller: str, action: str, limit_s: int, *, words: str = "", locale: str = "") -> str:
    """Transfers the caller for `limit_s` seconds at most; afterwards Twilio requests `action`. number: may have an
    extension, or be a SIP URI. caller: the number to show, which must be one of the call's own or ours (docs: TwiML
    <Dial>); empty leaves the choice to Twilio. words: spoken before by Twilio's voice, if any."""
    caller_id = f" callerId={_quoted(caller)}" if caller else ""
    said = _say(words, locale) if words else ""
    return _response(
        f'{said}<Dial{caller_id} timeout="{DIAL_TIMEOUT_S}" timeLimit="{limit_s}" action={_quoted(action)} '
        f'method="POST">{_noun(number)}</Dial>'
    )


def _noun(target: str) -> str:
    """What <Dial> calls (docs: TwiML <Number>, <Sip>). Each "w" waits for 0.5 s: menus do not listen at once."""
    number, _, extension = target.partition(";ext=")
    if target.lower().startswith("sip"):
        return f"<Sip>{escape(_clean(target))}</Sip>"
    keys = f" sendDigits={_quoted(EXTENSION_PAUSE + extension)}" if extension else ""
    return f"<Number{keys}>{escape(_clean(number))}</Number>"


def ask(question: str, locale: str, action: str, wait_s: int, *, first: str = "", hints: Sequence[str] = ()) -> str:
    """Asks, and takes one key or, with hints, words, up to `wait_s` seconds after the question; then Twilio requests
    `action`, with or without an answer (docs: TwiML <Gather>).

    first: spoken before. It ends at a key, and no word counts yet: whoever picks up says "hello", or "yes?". hints:
    what the recogniser is to expect."""
    prelude = f"<Gather {_gather('dtmf', action, 1)}>{_say(first, locale)}</Gather>" if first else ""
    heard = f' language={_quoted(locale)} hints={_quoted(", ".join(hints))} speechTimeout="1"' if hints else ""
    taken = _gather("dtmf speech" if hints else "dtmf", action, wait_s)
    return _response(f'{prelude}<Gather {taken}{heard} actionOnEmptyResult="true">{_say(question, locale)}</Gather>')


def join_conference(name: str, limit_s: int, action: str = "") -> str:
    """Joins a conference of two, in silence while alone; whoever leaves ends it for both (docs: TwiML <Conference>).
    action: what Twilio requests afterwards; empty: the call ends then."""
    after = f' action={_quoted(action)} method="POST"' if action else ""
    return _response(
        f'<Dial timeLimit="{limit_s}"{after}><Conference beep="false" waitUrl="" startConferenceOnEnter="true" '
        f'endConferenceOnExit="true" maxParticipants="2">{escape(_clean(name))}</Conference></Dial>'
    )


def _gather(taken: str, action: str, wait_s: int) -> str:
    """The attributes that questions share."""
    return f'input="{taken}" numDigits="1" timeout="{wait_s}" action={_quoted(action)} method="POST"'


def _start_recording(callback: str) -> str:
    """Not trimmed, so that the audio matches the transcript's times."""
    return (
        '<Start><Recording channels="dual" track="both" trim="do-not-trim" '
        f'recordingStatusCallback={_quoted(callback)} recordingStatusCallbackMethod="POST"/></Start>'
    )


def _say(text: str, locale: str) -> str:
    voice = choose_voice(locale)
    attributes = f"voice={_quoted(voice.name)} language={_quoted(voice.language)}"
    return f"<Say {attributes}>{escape(_clean(text)[:_MAX_SAY_LENGTH])}</Say>"


def _response(verbs: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?><Response>{verbs}</Response>'


def _quoted(text: str) -> str:
    return quoteattr(_clean(text))


def _clean(value: str) -> str:
    return _NOT_XML.sub("", value)
