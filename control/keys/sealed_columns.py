"""All columns that the vault keys seal for longer than a day.

Values that expire before old keys are removed are not listed: e-mails and password resets that wait to be sent, codes
spoken in calls, sign-ins in progress (at vendors and by single sign-on), and outcomes of tools. Recovery codes, tokens
of known devices and pseudonyms of numbers are HMACs, not sealed values; they cannot be recreated without the data that
they hide. The audit log's seals are HMACs of stored digests, which `audit renew-keys` recreates.
"""

from typing import Final

from control.accounts.second_factors.service import TOTP_PURPOSES
from control.db.seal_renewal import SealedColumn
from control.integrations.grants.rules import CREDENTIALS_PURPOSE
from control.integrations.types.rules import CLIENT_SECRET_PURPOSE
from control.outbound_webhooks.rules import WEBHOOK_SECRET_PURPOSE
from control.privacy.caller_deletions.service import PURPOSE as CALLER_PURPOSE
from control.sso.rules import SECRET_PURPOSE
from control.tools.rules import PURPOSE as HEADERS_PURPOSE
from control.voice.keys import KEY_PURPOSE

SEALED_COLUMNS: Final = (
    SealedColumn("admins", "totp_secret", TOTP_PURPOSES["admin"]),
    SealedColumn("caller_deletions", "sealed_number", CALLER_PURPOSE),
    SealedColumn("http_tools", "sealed_headers", HEADERS_PURPOSE),
    SealedColumn("integration_types", "secrets", CLIENT_SECRET_PURPOSE),
    SealedColumn("integrations", "credentials", CREDENTIALS_PURPOSE),
    SealedColumn("mcp_servers", "sealed_headers", HEADERS_PURPOSE),
    SealedColumn("outbound_webhook_endpoints", "sealed_secret", WEBHOOK_SECRET_PURPOSE),
    SealedColumn("outbound_webhook_endpoints", "sealed_old_secret", WEBHOOK_SECRET_PURPOSE),
    SealedColumn("providers", "api_key", KEY_PURPOSE),
    SealedColumn("sso_connections", "client_secret", SECRET_PURPOSE),
    SealedColumn("users", "totp_secret", TOTP_PURPOSES["user"]),
    SealedColumn("workspace_providers", "api_key", KEY_PURPOSE),
)
