"""The report of a rehearsal as a Markdown page."""

import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_HEAD = """# The whole stack under load and under loss

Written by `make rehearse`. PostgreSQL, Valkey, the API, the worker and the media nodes ran as processes of their own,
with stand-in providers (text after 100 ms, first word after 200 ms, first sound after 80 ms); the simulated phone
network and all callers ran in one more process on the same machine. Callers spoke a human recording, one half over
Twilio's protocol and the other over Telnyx's, with signed webhooks. What is demanded stands beside what was found.

Where calls have faults of carriers or phones, these are drawn with a fixed seed: media that pauses or is lost, other
codecs, webhooks that come twice, late, out of order or at the second try only, names and ids that differ, answers that
are lost, commands that are refused. What must become of a call follows from its fault
([the table](../../lab/rehearsals/lines/faults.py)); anything else counts as wrong, as do messages to the media
socket that the carrier would reject, and errors in the programs' logs that no fault explains.
"""


@dataclass(frozen=True, slots=True)
class ReportRow:
    """A row of the report. good: None where nothing is demanded."""

    what: str
    demanded: str
    found: str
    good: bool | None


def table(rows: Sequence[ReportRow]) -> str:
    """The rows as a Markdown table."""
    lines = ["| what | demanded | found | |", "| --- | --- | --- | --- |"]
    lines += [f"| {row.what} | {row.demanded} | {row.found} | {_mark(row)} |" for row in rows]
    return "\n".join(lines)


def page(results: Mapping[str, Sequence[ReportRow]]) -> str:
    """The whole page. results: rows by the title of their scenario."""
    machine = describe_machine()
    parts = [f"## {title}\n\n{table(rows)}" for title, rows in results.items()]
    return "\n\n".join([_HEAD.strip(), machine, *parts]) + "\n"


def replace_section(path: Path, title: str, body: str) -> None:
    """Replaces the page's section of this title (##), or adds it at the end; the machine is named below it. Raises
    OSError."""
    text = path.read_text()
    section = f"## {title}\n\n{body.strip()}\n\n({describe_machine()})\n"
    found = re.search(rf"^## {re.escape(title)}\n.*?(?=^## |\Z)", text, flags=re.MULTILINE | re.DOTALL)
    if found is None:
        path.write_text(f"{text.rstrip()}\n\n{section}")
    else:
        rest = text[found.end() :]
        path.write_text(text[: found.start()] + section + (f"\n{rest}" if rest else ""))


def describe_machine() -> str:
    """Cores, Python and system of this machine."""
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}."


def _mark(row: ReportRow) -> str:
    return "" if row.good is None else "PASS" if row.good else "MISS"
