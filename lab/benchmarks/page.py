"""The page docs/evidence/performance.md, which two commands write: each keeps the other's part."""

from pathlib import Path

# Begins the section on vendors, which is the page's last.
VENDORS = "## With vendors over TLS"


def read_vendors(page: Path) -> str:
    """The section on vendors, with its heading; empty if there is none."""
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    _, heading, section = text.partition(f"\n{VENDORS}\n")
    return f"{VENDORS}\n{section}" if heading else ""


def write_rest(page: Path, text: str) -> None:
    """Writes all of the page but the section on vendors."""
    section = read_vendors(page)
    page.write_text(f"{text.rstrip()}\n\n{section}" if section else text, encoding="utf-8")


def write_vendors(page: Path, section: str) -> None:
    """Writes the section on vendors, which begins with its heading."""
    text = page.read_text(encoding="utf-8") if page.exists() else "# Performance\n"
    rest, _, _ = text.partition(f"\n{VENDORS}\n")
    page.write_text(f"{rest.rstrip()}\n\n{section.rstrip()}\n", encoding="utf-8")
