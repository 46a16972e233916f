"""CSV files that people write and open with spreadsheets. Pure functions."""

import re
from typing import Final

# Without it Excel takes UTF-8 for the machine's own encoding.
BYTE_ORDER_MARK: Final = "\ufeff"
# Spreadsheets of countries with a decimal comma separate cells at semicolons, or at tabs.
_DELIMITERS: Final = ",;\t"
# Spreadsheets compute cells that begin with one of these (OWASP, "CSV Injection"); the last four are the full-width
# forms, which some of them take for the same.
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
# Spreadsheets of countries with a decimal comma separate cells at semicolons, and then take a cell's quotes for text,
# so that its line breaks end rows: what follows one of these begins a cell, too.
_INNER_FORMULA: Final = re.compile('(?<=[;\t\r\n])(?="*[=+\\-@\uff1d\uff0b\uff0d\uff20])')
# A phone number is no formula: a spreadsheet shows it as a number at worst. It stays as it is, so that other programs
# read it.
_PHONE_NUMBER: Final = re.compile(r"\+[0-9]{1,15}")


def find_delimiter(text: str) -> str:
    """Return what separates the cells of a file: the one of these that its first line has most often; without any,
    a comma."""
    return max(_DELIMITERS, key=re.split(r"[\r\n]", text, maxsplit=1)[0].count)


def defuse_formula(text: str) -> str:
    """Return a text that spreadsheets do not compute: an apostrophe goes before what begins like a formula, at the
    beginning and behind what separates cells elsewhere."""
    text = _INNER_FORMULA.sub("'", text)
    if text.startswith(_FORMULA_STARTS) and not _PHONE_NUMBER.fullmatch(text):
        return f"'{text}"
    return text
