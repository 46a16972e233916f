"""As whom a server runs: PostgreSQL refuses to run as root, so root runs it as `nobody`."""

import os
import pwd
import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

ELSEWHERE = Path("/var/lib/vocalized")

_OTHERS_ENTER = 0o001


@dataclass(frozen=True, slots=True)
class Account:
    """A user of this machine by number."""

    uid: int
    gid: int


def server_account() -> Account | None:
    """Whom to become: nobody, or None when this process isn't root and just stays who it is."""
    if os.geteuid():
        return None
    nobody = pwd.getpwnam("nobody")
    return Account(nobody.pw_uid, nobody.pw_gid)


def reachable(path: Path, account: Account | None) -> bool:
    """Whether the account may walk to `path`, by the rights of its folders (ours are at our own hands)."""
    if account is None:
        return True
    return all(folder.stat().st_mode & _OTHERS_ENTER for folder in path.resolve().parents)


def settle(folder: Path, account: Account | None) -> Path:
    """Makes `folder` if need be, a place that the account owns and others don't read; returns where it really is.

    Where the account could not get there (below /root, say), it becomes a link to a new folder in /var/lib/vocalized:
    opening other people's folders to everybody would be worse.
    """
    if not folder.exists():
        folder.unlink(missing_ok=True)  # a link whose target is gone
        if reachable(folder, account):
            folder.mkdir(mode=0o700)
        else:
            ELSEWHERE.mkdir(mode=0o755, parents=True, exist_ok=True)
            folder.symlink_to(mkdtemp(prefix=f"{folder.name}-", dir=ELSEWHERE))
    real = folder.resolve()
    if account:
        os.chown(real, account.uid, account.gid)
    return real


def unsettle(folder: Path) -> None:
    """Removes what `settle` made, wherever it is."""
    if folder.exists():
        shutil.rmtree(folder.resolve())
    if folder.is_symlink():
        folder.unlink()
