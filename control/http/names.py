"""Names in e-mails. Strangers choose names, and mail programs turn text that looks like an address into links.

Pure functions.
"""

import re
import unicodedata
from typing import Final

# Matches "evil.example", "a@b", "https:", "192.0.2.1", "tel:1", "+1 646 555 0123", but not "St. Mary" or "J.P. Morgan".
# Mail programs have lists of top-level domains that grow every year, so any two letters after a period match.
_ADDRESS: Final = re.compile(
    r"""
    [a-z][a-z0-9+.-]*://            # a scheme
    | \b(tel|sms|mailto|callto|sips?|facetime|skype|whatsapp):
    | \+[\s(]*\d([\s().\-/]*\d){6,}        # a phone number
    | \d([\s().\-/]*\d){8,}                # one without a country's code
    | \bwww\.                       # a host without one
    | [^\s@]@[^\s@]                 # a mailbox
    | \w[.\u3002][^\W\d_]{2,}       # a domain; U+3002 is a period in IDNA
    | \b\d{1,3}(\.\d{1,3}){3}\b     # an IPv4 address
    | \[[0-9a-f:]*:[0-9a-f:]*\]     # an IPv6 address
    """,
    re.VERBOSE | re.IGNORECASE,
)


def holds_address(name: str) -> bool:
    """Return whether a mail program could turn a part of this name into a link."""
    return _ADDRESS.search(_visible(name)) is not None


def letter_name(name: str) -> str:
    """Return the name for an e-mail: on one line, and without parts that could become a link.

    New names with an address are refused since November 2026; older names are still stored.
    """
    text = " ".join(_visible(name).split())
    while found := _ADDRESS.search(text):
        harmless = _ADDRESS_SIGNS.sub(" ", found[0])
        if _ADDRESS.search(harmless):  # a phone number may lack any character except digits
            harmless = re.sub(r"\d", "·", harmless)
        text = f"{text[: found.start()]}{harmless}{text[found.end() :]}"
    return text


# Matches at least one character of each match of _ADDRESS, so that `letter_name` terminates.
_ADDRESS_SIGNS: Final = re.compile(r"[.:/@\u3002\[\]]+")


def _visible(name: str) -> str:
    """Return the name without invisible characters, such as direction marks, and with wide characters normalized."""
    plain = unicodedata.normalize("NFKC", name)
    return "".join(
        " " if char.isspace() else char for char in plain if char.isspace() or unicodedata.category(char)[0] != "C"
    )
