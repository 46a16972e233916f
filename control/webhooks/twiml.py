"""TwiML, the answers that Twilio carries out. Everything that comes from elsewhere is escaped."""

import re
from typing import Final
from xml.sax.saxutils import escape, quoteattr

# What XML 1.0 cannot hold, however it is escaped.
_UNHEARD: Final = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MOST_SAID: Final = 3_000
DIAL_S: Final = 30


def connect(stream_url: str, token: str, action: str) -> str:
    """The call goes to a media socket; when that ends, Twilio asks `action` what comes next.

    The token goes as a parameter: a query in a stream's URL is dropped (error 31920).
    """
    stream = f'<Stream url={_quoted(stream_url)}><Parameter name="token" value={_quoted(token)}/></Stream>'
    return _response(f'<Connect action={_quoted(action)} method="POST">{stream}</Connect>')


def say_and_hang_up(words: str, locale: str) -> str:
    """Words by Twilio's own voice, then the end. locale: like en-US."""
    return _response(f"<Say language={_quoted(locale)}>{escape(_clean(words)[:_MOST_SAID])}</Say><Hangup/>")


def hang_up() -> str:
    """The end."""
    return _response("<Hangup/>")


def dial(number: str, caller: str, action: str, limit_s: int) -> str:
    """The caller is put through, for `limit_s` seconds at most. caller: the number to show, which must be one of the
    call's own or ours; empty leaves it to Twilio. action: asked when that is over."""
    shown = f" callerId={_quoted(caller)}" if caller else ""
    return _response(
        f'<Dial{shown} timeout="{DIAL_S}" timeLimit="{limit_s}" action={_quoted(action)} method="POST">'
        f"<Number>{escape(_clean(number))}</Number></Dial>"
    )


def _response(verbs: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?><Response>{verbs}</Response>'


def _quoted(text: str) -> str:
    return quoteattr(_clean(text))


def _clean(text: str) -> str:
    return _UNHEARD.sub("", text)
