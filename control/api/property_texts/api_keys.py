"""Properties of API keys."""

from typing import Final

from control.http.api_reference import PropertyText as Text

_NAME: Final = "CRM"
_SCOPES: Final = ["agents:read", "calls:write"]
_EXPIRES: Final = "2027-11-26T13:05:00Z"
_SECRET: Final = "vk_live_" + 49 * "0"

API_KEYS: Final = {
    "api_key_id": Text("Id of the API key."),
    "api_keys": Text("The API keys, newest first."),
    "ApiKeyAnswer.api_key": Text("The key."),
    "IssuedApiKey.api_key": Text("The key."),
    "IssuedApiKey.secret": Text("Send it as `Authorization: Bearer …`. It is never shown again.", _SECRET),
    "ApiKeyView.name": Text("What uses the key, for people.", _NAME),
    "NewApiKey.name": Text("What uses the key, for people.", _NAME),
    "ApiKeyChange.name": Text("What uses the key, for people; null leaves it as it is.", _NAME),
    "ApiKeyView.scopes": Text("What the key may read and change.", _SCOPES),
    "NewApiKey.scopes": Text("What the key may read and change: as few as its system needs.", _SCOPES),
    "ApiKeyChange.scopes": Text(
        "What the key may read and change, nothing that it may not now; null leaves it as it is.", _SCOPES
    ),
    "ApiKeyView.expires_at": Text("When all secrets end (UTC); null: never.", _EXPIRES),
    "NewApiKey.expires_at": Text("When all secrets end (UTC); null: never.", _EXPIRES),
    "ApiKeyChange.expires_at": Text("When all secrets end (UTC); null: never. Left out, it stays.", _EXPIRES),
    "ApiKeyView.is_expired": Text("Whether `expires_at` is over.", False),
    "ApiKeyView.last_used_at": Text(
        "When a request with the key succeeded last (UTC), to the minute; null: with none of these secrets.",
        "2026-11-26T13:05:00Z",
    ),
    "ApiKeyView.secrets": Text("Its valid secrets, newest first, without their texts."),
    "ApiKeySecretView.prefix": Text("First characters of the secret.", "vk_live_4fT9bQ"),
    "ApiKeySecretView.holder_email": Text(
        "Address of the member who made the secret. It acts with this member's role, admin at most.",
        "ada@example.com",
    ),
    "ApiKeySecretView.holder_is_member": Text(
        "Whether the holder still is a member; if not, requests with this secret are refused.", True
    ),
    "ApiKeySecretView.expires_at": Text(
        "When a secret that was replaced ends (UTC); null for the newest, which ends with the key.",
        "2026-11-27T13:05:00Z",
    ),
    "ApiKeySecretView.last_used_at": Text(
        "When a request with this secret succeeded last (UTC), to the minute; null: never.", "2026-11-26T13:05:00Z"
    ),
    "KeyRotation.overlap_s": Text("Seconds for which the secrets before stay valid: 0 to 604,800.", 86_400),
}
