"""What a scenario found, and whether it is what was demanded."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """A row of a report.

    Attributes:
        good: Whether what was found meets the demand. None if nothing is demanded.
    """

    what: str
    demanded: str
    found: str
    good: bool | None


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a scenario.

    Attributes:
        body: Markdown for the scenario's section of a page.
        good: Whether every demand was met.
        details: Lines that are printed and not written to a page.
    """

    body: str
    good: bool
    details: Sequence[str] = ()


def make_report(verdicts: Sequence[Verdict], details: Sequence[str] = ()) -> Report:
    """Return a report with the verdicts as a table."""
    return Report(make_table(verdicts), all(verdict.good is not False for verdict in verdicts), details)


def make_table(verdicts: Sequence[Verdict]) -> str:
    """Return the verdicts as a Markdown table."""
    lines = ["| what | demanded | found | |", "| --- | --- | --- | --- |"]
    lines += [f"| {one.what} | {one.demanded} | {one.found} | {_mark(one)} |" for one in verdicts]
    return "\n".join(lines)


def _mark(verdict: Verdict) -> str:
    return "" if verdict.good is None else "PASS" if verdict.good else "MISS"
