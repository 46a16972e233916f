"""Allocates Python's objects in huge pages (2 MB), where Linux and glibc support it.

With small pages, the processor's TLB cannot cover the memory of hundreds of calls, so many accesses begin with a walk
through the page tables. CPython's own allocator uses blocks of 1 MB, which are never huge pages. glibc's allocator uses
huge pages if an environment variable requests them when the program starts.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

ENABLED: Final = Path("/sys/kernel/mm/transparent_hugepage/enabled")
OLDEST_GLIBC: Final = (2, 35)  # the first with `glibc.malloc.hugetlb`
# The heap grows in steps of 16 MB. If the kernel makes huge pages by itself ("always"), glibc does not request them,
# and a heap that grows by less than 2 MB gets none.
TUNABLES: Final = "glibc.malloc.hugetlb=1:glibc.malloc.top_pad=16777216"


def use_huge_pages(enabled: Path = ENABLED) -> None:
    """Restart this program with an environment that puts Python's objects in huge pages.

    The process id and the arguments stay the same. Call this before other modules are loaded and before anything is
    opened. It does nothing if the machine has no huge pages, or if the environment already configures memory
    allocation.
    """
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
    """Return the variables to add to `environment`, or none if nothing must change.

    Args:
        offered: The kernel has huge pages for programs that request them.
        glibc: The version of glibc; None for another C library.
    """
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
