"""`vocalized doctor`: what this machine has, what it lacks, and what to do about it."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from vocalized.doctor import machine, platform, telnyx_account
from vocalized.doctor.finding import Check, Finding

_MARKS = {True: ("ok", "green"), False: ("missing", "bold red")}
# What media server, demo and platform need, then what is optional.
_CHECKS: Sequence[Check] = (
    machine.interpreter, machine.packages, machine.files, machine.models, machine.ports, machine.disk,
    platform.programs, platform.memory, platform.folder, platform.carriers, telnyx_account.account, platform.ports,
    machine.microphone,
)  # fmt: skip


def examine(root: Path) -> list[Finding]:
    """The findings of all checks."""
    return [finding for check in _CHECKS for finding in check(root)]


def report(findings: Sequence[Finding], console: Console) -> int:
    """Prints the findings; returns the exit code: 1 when something needed is missing."""
    for finding in findings:
        word, style = _MARKS[finding.ok] if finding.ok or finding.needed else ("absent", "yellow")
        line = Text.assemble((f"{word:8}", style), (f"{finding.what:18}", "bold"), finding.detail)
        if not finding.ok and finding.remedy:
            line.append(f"\n{'':26}{finding.remedy}", style)
        console.print(line, soft_wrap=True)
    lacking = [finding.what for finding in findings if finding.needed and not finding.ok]
    console.print(f"\nmissing: {', '.join(lacking)}" if lacking else "\neverything that is needed is there")
    return 1 if lacking else 0
