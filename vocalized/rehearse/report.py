"""What a rehearsal found, as a page."""

import os
import platform
from collections.abc import Mapping, Sequence

from vocalized.rehearse.scenes import Row

_HEAD = """# The whole stack under load and under loss

Written by `make rehearse`. PostgreSQL, Valkey, the API, the worker and the media nodes ran as processes of their own,
with stand-in providers (text after 100 ms, first word after 200 ms, first sound after 80 ms); the simulated phone
network and all callers ran in one more process on the same machine. Callers spoke a human recording, one half over
Twilio's protocol and the other over Telnyx's, with signed webhooks. What is demanded stands beside what was found.
"""


def table(rows: Sequence[Row]) -> str:
    """As Markdown."""
    lines = ["| what | demanded | found | |", "| --- | --- | --- | --- |"]
    lines += [f"| {row.what} | {row.demanded} | {row.found} | {_mark(row)} |" for row in rows]
    return "\n".join(lines)


def page(told: Mapping[str, Sequence[Row]]) -> str:
    """The whole page."""
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}."
    parts = [f"## {title}\n\n{table(rows)}" for title, rows in told.items()]
    return "\n\n".join([_HEAD.strip(), machine, *parts]) + "\n"


def _mark(row: Row) -> str:
    return "" if row.good is None else "PASS" if row.good else "MISS"
