"""Replaces itself by a server that dies with its parent, under another user if one is given.

Run as a script without our packages: `python -I -S launch.py SIGNAL PARENT UID GID COMMAND…`. A separate process,
because `preexec_fn` is not safe between fork and exec in a program with threads.
"""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def main(signal: int, parent: int, uid: int, gid: int, command: list[str]) -> None:
    """Never returns. `signal` comes when the thread that started this process ends; a `uid` of -1 changes no user."""
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        # After setuid, because a change of user clears this setting (prctl(2)).
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal)
    if os.getppid() != parent:
        sys.exit(1)
    os.umask(0o077)
    os.execv(command[0], command)


if __name__ == "__main__":
    death, starter, user, group = map(int, sys.argv[1:5])
    main(death, starter, user, group, sys.argv[5:])
