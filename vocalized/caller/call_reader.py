"""Reads calls from the API as one account."""

from dataclasses import asdict
from typing import Final

from vocalized.stack.accounts import Credentials
from vocalized.stack.api_client import ApiClient, ApiError, Json

_NOT_SIGNED_IN: Final = 401


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
            return await self._api.request("GET", path)
        except ApiError as fault:
            if fault.status != _NOT_SIGNED_IN:
                raise
            self._api.token = ""
            raise ApiError(str(fault)) from fault

    async def download(self, path: str) -> bytes:
        """A file's bytes. Raises ApiError."""
        return await self._api.download(path)


def customer_reader(api: ApiClient, account: Credentials, workspace_id: str) -> CallReader:
    """Reads the calls of one workspace."""
    return CallReader(api, account, f"/workspaces/{workspace_id}/calls")


def staff_reader(api: ApiClient, account: Credentials) -> CallReader:
    """Reads the calls of all workspaces."""
    return CallReader(api, account, "/admin/calls", is_staff=True)
