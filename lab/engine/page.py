"""Pages of evidence: each scenario writes a section, and people write the rest."""

import os
import platform
import re
from pathlib import Path


def write_section(page: Path, title: str, body: str) -> None:
    """Replace the page's section with this title, or add it at the end, and name the machine below it.

    Raises:
        OSError: The page cannot be read or written.
    """
    text = page.read_text() if page.exists() else ""
    section = f"## {title}\n\n{body.strip()}\n\n({describe_machine()})\n"
    found = re.search(rf"^## {re.escape(title)}\n.*?(?=^## |\Z)", text, flags=re.MULTILINE | re.DOTALL)
    if found is None:
        page.write_text(f"{text.rstrip()}\n\n{section}".lstrip())
    else:
        rest = text[found.end() :]
        page.write_text(text[: found.start()] + section + (f"\n{rest}" if rest else ""))


def describe_machine() -> str:
    """Return the cores, Python and system of this machine."""
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}."
