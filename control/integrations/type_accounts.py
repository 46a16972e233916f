"""The platform's accounts as an OAuth client of the vendors, by integration type."""

from control.db.pool import Connection
from control.integrations import store_types
from control.integrations.credentials import open_client_secret
from control.integrations.oauth import OAuthClientAccount
from control.integrations.type_config import parse_type_config
from shared.errors import Conflict
from shared.secrets import Sealer


class TypeAccounts:
    """public_url: where vendors' redirects reach this API."""

    def __init__(self, sealer: Sealer, public_url: str) -> None:
        self.sealer = sealer
        self._public_url = public_url.rstrip("/")

    async def get(self, db: Connection, integration_type: str) -> OAuthClientAccount:
        """Raises Conflict (code type_not_ready) for a type without OAuth or without a client id."""
        found = await store_types.select_type(db, integration_type)
        config = None if found is None else parse_type_config(found.config, found.auth_type).oauth
        if config is None or not config.client_id:
            raise Conflict("The platform has no client id at this vendor yet.", code="type_not_ready")
        secret = open_client_secret(self.sealer, await store_types.select_secret(db, integration_type))
        return OAuthClientAccount(config, self.redirect_uri(integration_type), secret)

    def redirect_uri(self, integration_type: str) -> str:
        """What has to be registered at the vendor."""
        return f"{self._public_url}/integrations/oauth/callback/{integration_type}"
