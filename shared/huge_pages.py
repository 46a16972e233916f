"""Allocates Python's objects in huge pages (2 MB), where Linux and glibc support it.

The processor's TLB has room for too few small pages to cover what hundreds of calls keep, so that many accesses begin
with a walk through the page tables. CPython's own allocator takes blocks of 1 MB, which are never huge; glibc's asks
for huge pages if a variable of the environment says so, which is read when a program starts.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

ENABLED: Final = Path("/sys/kernel/mm/transparent_hugepage/enabled")
OLDEST_GLIBC: Final = (2, 35)  # the first with `glibc.malloc.hugetlb`
# The heap grows in steps of 16 MB: where the kernel makes huge pages of whatever it can ("always"), glibc does not ask
# for them, and a heap that grows by less than 2 MB gets none.
TUNABLES: Final = "glibc.malloc.hugetlb=1:glibc.malloc.top_pad=16777216"


def use_huge_pages(enabled: Path = ENABLED) -> None:
    """Starts this program anew, as the same process and with the same arguments, with an environment that puts Python's
    objects in huge pages. Call it before other modules are loaded and before anything is opened. Does nothing where the
    machine has no such pages, or where the environment says already how memory is to be allocated."""
    added = huge_page_environment(os.environ, offered=_offered(enabled), glibc=_glibc_version())
    if not added or not sys.executable:
        return
    try:
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, **added})
    except OSError as error:
        print(f"huge pages are not used: cannot start {sys.executable} anew: {error.strerror}", file=sys.stderr)


def huge_page_environment(
    environment: Mapping[str, str], *, offered: bool, glibc: tuple[int, ...] | None
) -> dict[str, str]:
    """What to add to `environment`; empty if nothing is to be changed. offered: whether the kernel has huge pages for
    those who ask. glibc: its version, None for another C library."""
    if not offered or glibc is None or glibc < OLDEST_GLIBC:
        return {}
    if "PYTHONMALLOC" in environment or "GLIBC_TUNABLES" in environment:
        return {}
    return {"PYTHONMALLOC": "malloc", "GLIBC_TUNABLES": TUNABLES}


def _offered(enabled: Path) -> bool:
    try:
        return "[never]" not in enabled.read_text()
    except OSError:
        return False


def _glibc_version() -> tuple[int, ...] | None:
    try:
        name, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
        return tuple(int(part) for part in version.split(".")) if name == "glibc" else None
    except (ValueError, OSError):
        return None
