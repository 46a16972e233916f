"""The rules of workspaces for those who belong to them; `members`, `invitations` and `staff` hold the others."""

from control.accounts.mail import Mailer
from control.accounts.service import Accounts
from control.platform.service import Platform
from control.workspaces.model import Membership

__all__ = ["Membership", "Workspaces"]


class Workspaces:
    """Every method works within the request's transaction."""

    def __init__(self, *, accounts: Accounts, mailer: Mailer, platform: Platform) -> None:
        self._accounts = accounts
        self._mailer = mailer
        self._platform = platform
