"""Findings, reports and checks that the programs' `doctor` commands share.

The module imports only the standard library at the top, because `vocalized doctor` runs where packages are missing.
"""

import asyncio
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

NEEDED_MB: Final = 200


@dataclass(frozen=True, slots=True)
class DoctorFinding:
    """One result. `remedy` describes the fix if `ok` is false. If `needed` is set and `ok` is false, the
    doctor fails.
    """

    what: str
    ok: bool
    detail: str
    remedy: str = ""
    needed: bool = True

    @property
    def word(self) -> str:
        """The result in one word."""
        return "ok" if self.ok else "missing" if self.needed else "absent"


Check = Callable[[Path], Iterator[DoctorFinding]]


def summarize(findings: Iterable[DoctorFinding]) -> tuple[str, int]:
    """Return the last line of a report, and the exit code: 1 if something that is needed is missing."""
    lacking = [finding.what for finding in findings if finding.needed and not finding.ok]
    return (f"missing: {', '.join(lacking)}", 1) if lacking else ("everything that is needed is there", 0)


def print_findings(findings: Sequence[DoctorFinding]) -> int:
    """Print the findings as plain text. Returns the exit code of `summarize`."""
    for finding in findings:
        print(f"{finding.word:8}{finding.what:18}{finding.detail}")
        if not finding.ok and finding.remedy:
            print(f"{'':26}{finding.remedy}")
    summary, code = summarize(findings)
    print(f"\n{summary}")
    return code


def check_disk(folder: Path) -> DoctorFinding:
    """Compare the free space of a folder with what recordings and logs need."""
    free_mb = shutil.disk_usage(folder).free // 1_000_000
    remedy = f"recordings and logs want {NEEDED_MB} MB"
    return DoctorFinding("disk", free_mb >= NEEDED_MB, f"{free_mb:,} MB free at {folder}", remedy)


def check_redis(url: str, timeout_s: float) -> DoctorFinding:
    """Connect to Redis with the user and password of `url`, and wait for one answer."""
    from shared.bus.client import REDIS_ERRORS, bus_client

    async def ping() -> None:
        client = bus_client(url, timeout_s)
        try:
            await client.ping()
        finally:
            await client.aclose()

    try:
        asyncio.run(ping())
    except REDIS_ERRORS as error:
        remedy = "check VOCALIZED_REDIS_URL, its user and password, and that this machine reaches the server"
        return DoctorFinding("Redis", False, f"not reached: {type(error).__name__}", remedy)
    return DoctorFinding("Redis", True, "it answers")
