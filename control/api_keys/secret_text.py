"""The text of an API key's secret: `vk_live_`, 43 random letters and digits, a checksum of 6.

The prefix and the checksum are for scanners that look for leaked secrets: they find a key by its pattern, and tell it
from any other text of that form without asking us (the form of GitHub's tokens:
https://github.blog/engineering/behind-githubs-new-authentication-token-formats/).

43 of 62 characters are 256 random bits. They cannot be guessed, so the database keeps a plain SHA-256: a slow hash
protects secrets that people choose, and would cost each request as much as a sign-in.
"""

import re
import secrets
import string
from typing import Final
from zlib import crc32

SCHEME: Final = "vk_live_"
ALPHABET: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
RANDOM_LENGTH: Final = 43
CHECKSUM_LENGTH: Final = 6
# For secret scanners.
PATTERN: Final = rf"{SCHEME}[0-9A-Za-z]{{{RANDOM_LENGTH + CHECKSUM_LENGTH}}}"
# What is shown of a secret later: 6 random characters of 43 leave 220 bits.
PREFIX_LENGTH: Final = len(SCHEME) + 6

_PATTERN: Final = re.compile(PATTERN)


def make_secret() -> str:
    """Returns a new one."""
    body = SCHEME + "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_LENGTH))
    return body + checksum(body)


def is_well_formed(text: str) -> bool:
    """Whether the text is a secret by its form and its checksum. Text that is not need not be looked up."""
    return _PATTERN.fullmatch(text) is not None and checksum(text[:-CHECKSUM_LENGTH]) == text[-CHECKSUM_LENGTH:]


def checksum(body: str) -> str:
    """Returns the CRC-32 of the text before it, in base 62 with the digits of ALPHABET."""
    value, digits = crc32(body.encode()), ""
    for _ in range(CHECKSUM_LENGTH):
        value, digit = divmod(value, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits
