"""Properties of integrations, their types and their syncs."""

from typing import Final

from control.http.api_reference import PropertyText as Text

_WHEN: Final = "2026-11-26T13:05:00Z"
_TYPE: Final = "google_calendar"
_NAME: Final = "Its name for programs."
_PEOPLE: Final = "Its name for people."
_AUTH: Final = "How a workspace is authorised: `oauth2`, `api_key` or `webhook`."
_ENABLED: Final = "Whether workspaces may connect it."
_SETTINGS: Final = {"calendar_id": "primary"}
_CONFIG: Final = {"base_url": "https://api.example.com/v1", "api_key": {"place": "header"}}
_HEADER: Final = {"X-Trace": "{{input.key}}"}

INTEGRATIONS: Final = {
    **{
        f"{schema}.type": Text(_NAME, _TYPE)
        for schema in ("AdminIntegrationType", "AdminIntegrationTypeDetail", "OfferedIntegrationType")
    },
    **{
        f"{schema}.name": Text(_PEOPLE, "Google Calendar")
        for schema in ("AdminIntegrationType", "AdminIntegrationTypeDetail", "OfferedIntegrationType")
    },
    **{
        f"{schema}.is_enabled": Text(_ENABLED, True)
        for schema in ("AdminIntegrationType", "AdminIntegrationTypeDetail")
    },
    **{
        f"{schema}.description": Text("What it is, for people.", "Looks up and books appointments.")
        for schema in (
            "AdminIntegrationType",
            "AdminIntegrationTypeDetail",
            "OfferedIntegrationType",
            "NewIntegrationType",
            "IntegrationTypeChange",
        )
    },
    "auth_type": Text(_AUTH, "oauth2"),
    "integration_type": Text("Name of the type.", _TYPE),
    "integrations": Text("The integrations."),
    "AdminIntegrationTypes.integrations": Text("The types."),
    "IntegrationList.integrations": Text("The integrations of this page."),
    "IntegrationLine.name": Text("Its name for people.", "Front desk calendar"),
    "IntegrationView.name": Text("Its name for people.", "Front desk calendar"),
    "NewIntegrationBody.name": Text("Its name for people; null: the name of its type.", "Front desk calendar"),
    "IntegrationChange.name": Text("The new name.", "Front desk calendar"),
    "IntegrationLine.status": Text(
        "`connecting`: access is not granted yet; `error`: it needs to be connected again.", "connected"
    ),
    "IntegrationView.status": Text(
        "`connecting`: access is not granted yet; `error`: it needs to be connected again.", "connected"
    ),
    "last_sync_at": Text("When the last sync ended (UTC); null before the first one.", _WHEN),
    "IntegrationView.config": Text("Its settings.", _SETTINGS),
    "IntegrationView.error": Text("Why it has failed, such as `grant_refused`; null without one.", "grant_refused"),
    "account": Text("Whose account at the vendor it is; null where the vendor does not tell it.", "ada@example.com"),
    "IntegrationView.scopes": Text("What the vendor granted.", ["calendar.events"]),
    "OAuthConfig.scopes": Text("What is asked for.", ["calendar.events"]),
    "OAuthConfig.account": Text("JSON pointer to the account's name in the answer of `userinfo_url`.", "/email"),
    "connected_at": Text("When access was granted last (UTC); null if never.", _WHEN),
    "oauth_url": Text(
        "Open it in a browser to grant access; null where nothing is to be granted.",
        "https://accounts.example.com/authorize?response_type=code&client_id=1",
    ),
    "signing_secret": Text("Signs our requests to a webhook, and is shown this once; null for other types.", "whsec_a"),
    "SyncLogView.sync_type": Text("Name of the sync, as its type declares it.", "contacts"),
    "SyncLogView.status": Text("`queued`, `running`, `succeeded` or `failed`.", "succeeded"),
    "records_synced": Text("Records that were stored.", 120),
    "SyncLogView.progress": Text("How far it got.", {}),
    "SyncLogView.counts": Text(
        "Records by what became of them: created, updated, deleted, skipped.", {"created": 118, "updated": 2}
    ),
    "SyncLogView.error": Text("Why it failed; null if it did not.", "vendor_away"),
    "SyncLogView.started_at": Text("When it was asked for (UTC).", _WHEN),
    "SyncLogView.ended_at": Text("When it ended (UTC); null while it waits or runs.", _WHEN),
    "sync_logs": Text("The newest 20 syncs."),
    "SyncLogList.logs": Text("The syncs of this page."),
    "sync_log_id": Text("The sync's entry in the log.", "01970f6e-5e3b-7cc0-9f0a-3b1f0d1c2a01"),
    "integration_types": Text("The types, by name."),
    "config_schema": Text("JSON Schema of the settings of a workspace.", {"type": "object"}),
    "OfferedIntegrationType.actions": Text("What agents can do by it.", ["book_appointment"]),
    "OfferedIntegrationType.action_details": Text("The same, with what each one takes.", []),
    "OfferedAction.name": Text("Name for `action_tools` of an agent's config.", "post_message"),
    "OfferedAction.description": Text("What it does.", "Posts a message to the team's channel."),
    "OfferedAction.read_only": Text("It changes nothing.", False),
    "OfferedAction.input_schema": Text("JSON Schema of its arguments.", {"type": "object"}),
    "IntegrationTypeConfig.actions": Text("What agents can do by it."),
    "ImportedActions.actions": Text("Actions for `config.actions` of a type.", []),
    "ImportedActions.skipped": Text("Operations that cannot be an action, with the reason.", {}),
    "has_client_secret": Text("Whether a client secret is stored.", True),
    "redirect_uri": Text(
        "What has to be registered at the vendor.", f"https://api.example.com/integrations/oauth/callback/{_TYPE}"
    ),
    "AdminIntegrationTypeDetail.config": Text("How the vendor is reached, without the client secret.", {}),
    "AdminIntegrationTypeDetail.version": Text("Counts its changes.", 1),
    "AdminIntegrationTypeDetail.is_shipped": Text("Whether it came with the product.", True),
    "by_type": Text("By type, the most used first."),
    "workspaces_using": Text("Workspaces that have an integration of it.", 12),
    "total_syncs": Text("Syncs of the integrations that there are.", 340),
    "IntegrationTypeConfig.base_url": Text(
        "Before the path of each request; may hold `{{config.x}}`.", "https://api.example.com/v1"
    ),
    "IntegrationTypeConfig.oauth": Text("OAuth 2.0, where `auth_type` is oauth2; null for others."),
    "IntegrationTypeConfig.api_key": Text("Where the key goes, where `auth_type` is api_key; null for others."),
    "IntegrationTypeConfig.sync": Text("What is copied from the vendor."),
    "OAuthConfig.authorize_url": Text("Where a person grants access.", "https://accounts.example.com/authorize"),
    "OAuthConfig.token_url": Text("Where tokens are issued and refreshed.", "https://accounts.example.com/token"),
    "OAuthConfig.revoke_url": Text(
        "Where tokens are revoked (RFC 7009); null for none.", "https://accounts.example.com/revoke"
    ),
    "OAuthConfig.userinfo_url": Text("Tells whose account it is; null for none.", "https://accounts.example.com/me"),
    "OAuthConfig.client_id": Text("The platform's client id at the vendor.", "4711.apps.example.com"),
    "OAuthConfig.authorize_params": Text("Further parameters of `authorize_url`.", {"access_type": "offline"}),
    "OAuthConfig.token_auth": Text("How the client names itself at `token_url`.", "client_secret_post"),
    "OAuthConfig.config_fields": Text("Values of the token response that become settings.", ["instance_url"]),
    "OAuthConfig.revoke": Text("Which token is sent to `revoke_url`.", "refresh_token"),
    "ApiKeyConfig.place": Text("Where the key goes in each request.", "header"),
    "ApiKeyConfig.name": Text("Name of the header or parameter.", "Authorization"),
    "ApiKeyConfig.prefix": Text("Before the key in the header.", "Bearer "),
    "CalendarSetting.setting": Text("Which setting names the calendar at the vendor.", "calendar_id"),
    "CalendarSetting.own": Text("Its value that stands for the account's own calendar.", "primary"),
    "Action.name": Text("Its name for models.", "create_contact"),
    "Action.description": Text("What it does, for models.", "Creates a contact."),
    "Action.input_schema": Text("JSON Schema of the arguments: of an object, without `$ref`.", {"type": "object"}),
    "Action.request": Text("The request."),
    "Action.response": Text("What is taken from the answer."),
    "Action.idempotency": Text("Header by which the vendor recognises repeats; null for none.", "Idempotency-Key"),
    "Action.read_only": Text("Whether it may be repeated.", True),
    "Action.repeatable": Text("Whether this, which changes something, has the same effect again.", True),
    "RequestTemplate.method": Text("The method.", "GET"),
    "RequestTemplate.path": Text("After the type's `base_url`; may hold placeholders.", "/contacts/{{input.id}}"),
    "RequestTemplate.query": Text("Parameters; their values may hold placeholders.", {"q": "{{input.name}}"}),
    "RequestTemplate.headers": Text("Headers; their values may hold placeholders.", _HEADER),
    "RequestTemplate.body": Text("The JSON body; its texts may hold placeholders.", {"name": "{{input.name}}"}),
    "ResponseMapping.items": Text("JSON pointer to the list; null: the answer is one record.", "/items"),
    "ResponseMapping.failures": Text(
        "JSON pointers at which an answer of status 2xx says that it failed or is incomplete.", ["/error"]
    ),
    "ResponseMapping.utc_times": Text("Whether times without an offset are in UTC.", True),
    "ResponseMapping.fields": Text("Our names to JSON pointers within a record.", {"name": "/displayName"}),
    "SyncDeclaration.name": Text("Its name for programs.", "contacts"),
    "SyncDeclaration.record": Text("What the records are: `contact` or `appointment`.", "contact"),
    "SyncDeclaration.request": Text("The request of a page."),
    "SyncDeclaration.pagination": Text("How the next page is asked for."),
    "SyncDeclaration.incremental": Text("How only what changed is asked for; null: all is copied each time."),
    "SyncDeclaration.response": Text("What is taken from the answer."),
    "Pagination.kind": Text("How: `none`, `cursor`, `page` or `link`.", "cursor"),
    "Pagination.param": Text("Name of the parameter.", "pageToken"),
    "Pagination.next": Text("JSON pointer to the next cursor.", "/nextPageToken"),
    "Pagination.first": Text("Number of the first page.", 1),
    "Incremental.param": Text("Name of the parameter.", "syncToken"),
    "Incremental.from": Text("JSON pointer to the value in the last page; empty: the time of the last sync.", "/next"),
    **{
        f"{schema}.config": Text("Its settings, as `config_schema` of the type has them.", _SETTINGS)
        for schema in ("NewIntegrationBody", "IntegrationChange")
    },
    **{
        f"{schema}.config": Text(
            "How the vendor is reached; `oauth.client_secret` is stored apart, and never shown again.", _CONFIG
        )
        for schema in ("NewIntegrationType", "IntegrationTypeChange")
    },
    "OperationsDocument.document": Text(
        "OpenAPI 3, as JSON; references within it only.", {"openapi": "3.1.0", "paths": {}}
    ),
    "integration_id": Text("Id of the integration."),
    "type": Text("Name of the type.", _TYPE),
}
