"""Pure functions for CSV files that people edit with spreadsheets."""

import re
from typing import Final

# Without the byte order mark, Excel reads UTF-8 in the machine's own encoding.
BYTE_ORDER_MARK: Final = "\ufeff"
# In countries with a decimal comma, spreadsheets separate cells with semicolons or tabs.
_DELIMITERS: Final = ",;\t"
# Spreadsheets evaluate cells that begin with one of these characters (OWASP, "CSV Injection"). The last four are
# full-width forms, which some spreadsheets treat as equal.
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
# In countries with a decimal comma, spreadsheets separate cells with semicolons and treat a cell's quotes as text, so
# that its line breaks end rows. A formula can therefore also begin after one of these characters.
_INNER_FORMULA: Final = re.compile('(?<=[;\t\r\n])(?="*[=+\\-@\uff1d\uff0b\uff0d\uff20])')
# Phone numbers stay unchanged, so that other programs can read them. At worst, a spreadsheet shows them as numbers.
_PHONE_NUMBER: Final = re.compile(r"\+[0-9]{1,15}")


def find_delimiter(text: str) -> str:
    """Return the delimiter of a file: the delimiter that occurs most often in its first line, or a comma."""
    return max(_DELIMITERS, key=re.split(r"[\r\n]", text, maxsplit=1)[0].count)


def defuse_formula(text: str) -> str:
    """Return the text in a form that spreadsheets do not evaluate.

    An apostrophe is inserted before each possible formula, at the beginning and after characters that separate cells in
    some spreadsheets.
    """
    text = _INNER_FORMULA.sub("'", text)
    if text.startswith(_FORMULA_STARTS) and not _PHONE_NUMBER.fullmatch(text):
        return f"'{text}"
    return text
