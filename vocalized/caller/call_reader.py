"""Reads calls from the API as one account."""

from dataclasses import asdict
from typing import Final
from urllib.parse import quote

from vocalized.stack.addresses import Credentials
from vocalized.stack.api_client import ApiClient, ApiError, Json

_NOT_SIGNED_IN: Final = 401
# Of the audit log, where the workspace's owner reads it.
_REASON: Final = quote("Follows a call from the command line")


class CallReader:
    """A customer in a workspace, or a member of the staff, who sees all workspaces' calls, but no recordings.

    calls: the path of the calls. url: of the API.
    """

    def __init__(self, api: ApiClient, account: Credentials, calls: str, *, is_staff: bool = False) -> None:
        self._api, self._account = api, account
        self.calls, self.url, self.is_staff = calls, api.url, is_staff

    async def get(self, path: str) -> Json:
        """Signs in first; a token that has expired is dropped, so that the next try signs in again. Raises ApiError,
        with status 0 for an expired token."""
        if not self._api.token:
            await self._api.sign_in(**asdict(self._account), staff=self.is_staff)
        try:
            return await self._api.request("GET", self._with_reason(path))
        except ApiError as fault:
            if fault.status != _NOT_SIGNED_IN:
                raise
            self._api.token = ""
            raise ApiError(str(fault)) from fault

    def _with_reason(self, path: str) -> str:
        """The staff reads what was said in a call with a reason only."""
        if not self.is_staff or not path.startswith(f"{self.calls}/"):
            return path
        return f"{path}{'&' if '?' in path else '?'}reason={_REASON}"

    async def download(self, path: str) -> bytes:
        """A file's bytes. Raises ApiError."""
        return await self._api.download(path)


def customer_reader(api: ApiClient, account: Credentials, workspace_id: str) -> CallReader:
    """Reads the calls of one workspace."""
    return CallReader(api, account, f"/workspaces/{workspace_id}/calls")


def staff_reader(api: ApiClient, account: Credentials) -> CallReader:
    """Reads the calls of all workspaces."""
    return CallReader(api, account, "/admin/calls", is_staff=True)
