"""`vocalized doctor`: what this machine has, what it lacks, and what to do about it."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from control.doctor import telnyx_account
from shared.doctor import Check, DoctorFinding, summarize
from vocalized.doctor import machine, platform

_STYLES = {"ok": "green", "missing": "bold red", "absent": "yellow"}
# What media server, demo and platform need, then what is optional.
_CHECKS: Sequence[Check] = (
    machine.interpreter, machine.packages, machine.files, machine.models, machine.ports, machine.disk,
    platform.programs, platform.memory, platform.folder, platform.carriers, telnyx_account.account, platform.ports,
    machine.microphone,
)  # fmt: skip


def examine(root: Path) -> list[DoctorFinding]:
    """The findings of all checks."""
    return [finding for check in _CHECKS for finding in check(root)]


def report(findings: Sequence[DoctorFinding], console: Console) -> int:
    """Prints the findings; returns the exit code: 1 when something needed is missing."""
    for finding in findings:
        style = _STYLES[finding.word]
        line = Text.assemble((f"{finding.word:8}", style), (f"{finding.what:18}", "bold"), finding.detail)
        if not finding.ok and finding.remedy:
            line.append(f"\n{'':26}{finding.remedy}", style)
        console.print(line, soft_wrap=True)
    summary, code = summarize(findings)
    console.print(f"\n{summary}")
    return code
