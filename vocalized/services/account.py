"""The user that a server runs as: PostgreSQL refuses to run as root, so root runs it as `nobody`."""

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
    """A user of this machine, by number."""

    uid: int
    gid: int


def server_account() -> Account | None:
    """`nobody` if this process is root; None if it is not and the server runs as the same user."""
    if os.geteuid():
        return None
    nobody = pwd.getpwnam("nobody")
    return Account(nobody.pw_uid, nobody.pw_gid)


def reachable(path: Path, account: Account | None) -> bool:
    """Whether the permissions of all parent folders let the account reach `path`."""
    if account is None:
        return True
    return all(folder.stat().st_mode & _OTHERS_ENTER for folder in path.resolve().parents)


def make_folder(folder: Path, account: Account | None) -> Path:
    """Creates `folder` if it is missing, owned by the account and closed to others; returns its real path.

    Where the account cannot reach it (below /root, for example), it becomes a link to a new folder in
    /var/lib/vocalized, because changing the permissions of foreign folders would be worse.
    """
    if not folder.exists():
        folder.unlink(missing_ok=True)  # a dangling link
        if reachable(folder, account):
            folder.mkdir(mode=0o700)
        else:
            make_open_folder(ELSEWHERE)
            folder.symlink_to(mkdtemp(prefix=f"{folder.name}-", dir=ELSEWHERE))
    real = folder.resolve()
    if account:
        os.chown(real, account.uid, account.gid)
    return real


def make_open_folder(folder: Path) -> None:
    """Creates a folder that everybody may enter and read, whatever the umask."""
    if not folder.exists():
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)


def remove_folder(folder: Path) -> None:
    """Removes what `make_folder` created, also behind a link."""
    if folder.exists():
        shutil.rmtree(folder.resolve())
    if folder.is_symlink():
        folder.unlink()
