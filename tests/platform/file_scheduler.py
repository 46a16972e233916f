"""Which tests stay together in a test process: those of a file, and those of a folder that shares something costly."""

from pathlib import PurePosixPath

from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

# The whole platform, five programs, is started once for all files of this folder. They wait for calls in real time, for
# four minutes together, so the process that has them leaves the cores to the others.
TOGETHER = ("tests/network",)


class FileScheduler(LoadFileScheduling):  # type: ignore[misc]  # xdist ships no types
    """pytest-xdist's `--dist loadfile`, but the files of a folder in `TOGETHER` go to one process, in their order."""

    def _split_scope(self, nodeid: str) -> str:
        return find_group(nodeid)


def find_group(nodeid: str) -> str:
    """The folder or file whose tests stay together with this one."""
    path = PurePosixPath(nodeid.split("::", 1)[0])
    return next((folder for folder in TOGETHER if path.is_relative_to(folder)), str(path))
