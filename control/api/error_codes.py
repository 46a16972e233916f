"""The error codes of each operation, by operationId, beside those that follow from its route (`route_errors.py`).

Tests of the API fail when an operation answers with a code that is not here (`tests/platform/error_codes.py`)."""

from collections.abc import Iterator, Mapping
from typing import Final

from control.api.error_texts import ERROR_TEXTS
from control.http.openapi.api_reference import ErrorCode

_SIGN_IN: Final = "401 invalid_credentials, 401 session_over, 403 account_deactivated, 429 sign_in_locked"
_REFRESH: Final = "401 session_over, 401 refresh_token_reused, 401 account_deactivated"
_SECOND_FACTOR: Final = "401 totp_invalid, 401 recovery_code_invalid, 429 sign_in_locked"
_PASSWORD_AGAIN: Final = "401 invalid_credentials, 429 sign_in_locked"
_NEW_OWN_PASSWORD: Final = f"{_PASSWORD_AGAIN}, 409 password_changed, 422 weak_password"
_PROOF: Final = f"{_PASSWORD_AGAIN}, {_SECOND_FACTOR}, 409 totp_not_enabled"
_NEW_USER: Final = "409 email_taken, 422 weak_password"
_INVITATION: Final = (
    "409 already_member, 409 invitation_accepted, 409 invitation_expired, 409 invitation_revoked, 409 member_limit, "
    "422 token_invalid, 404 workspace_not_found, 404 tier_not_found"
)
_AGENT: Final = "404 agent_not_found"
_DRAFT: Final = f"{_AGENT}, 404 draft_not_found"
_AGENT_CONTENT: Final = (
    "409 name_taken, 409 workspace_suspended, 422 provider_unknown, 422 too_long, 422 number_is_own, "
    "422 document_unknown, 422 recipient_not_member, 422 tool_unknown, 422 tool_name_reserved, "
    "403 lookup_not_allowed, 422 action_unknown, 422 action_arguments_unfit, 422 language_unsupported, "
    "422 ipa_unsupported"
)
_AGENT_NUMBER: Final = "409 number_inactive, 409 number_taken, 422 number_not_found"
_NUMBER: Final = "404 number_not_found"
_ADDRESS: Final = "404 address_not_found"
_BUNDLE: Final = "404 bundle_not_found"
_CARRIER: Final = "409 no_carrier, 422 carrier_not_set_up, 503 carrier_away, 503 carrier_refused"
_HTTP_TOOL: Final = "404 http_tool_not_found"
_MCP_SERVER: Final = "404 mcp_server_not_found"
_TOOL_CONFIG: Final = "409 workspace_suspended, 422 address_refused, 422 header_twice"
_DOCUMENT: Final = "404 document_not_found"
_NEW_DOCUMENT: Final = (
    "404 tier_not_found, 409 document_limit, 409 workspace_suspended, 422 file_too_large, 422 file_unknown, "
    "503 storage_away"
)
_ENDPOINT: Final = "404 webhook_endpoint_not_found"
_CALL: Final = "404 call_not_found"
_CAMPAIGN: Final = "404 campaign_not_found"
_CAMPAIGN_SETTINGS: Final = (
    "404 agent_not_found, 404 tier_not_found, 409 workspace_suspended, 422 agent_version_unknown, "
    "422 number_not_found, 422 dates_invalid, 422 too_many_attempts"
)
_NEW_RECIPIENTS: Final = (
    f"{_CAMPAIGN}, 404 agent_not_found, 404 tier_not_found, 409 campaign_over, 422 agent_version_unknown"
)
_DESTINATION: Final = "422 number_invalid, 422 number_refused, 422 number_is_own, 422 country_not_allowed"
_CALLED: Final = "422 number_on_do_not_call_list"
_TRIAL_DESTINATION: Final = f"{_DESTINATION}, 422 number_unverified"
_OUTBOUND_LIMITS: Final = (
    "429 outbound_rate, 429 outbound_hourly_limit, 429 outbound_daily_limit, 429 outbound_repeat_limit, "
    "429 outbound_minutes_limit, 429 platform_limit"
)
_PLACE: Final = (
    f"{_AGENT}, {_TRIAL_DESTINATION}, {_CALLED}, 409 call_limit, 409 cannot_answer, 409 no_number, "
    f"409 owner_unverified, 409 spend_limit_reached, 409 workspace_suspended, {_OUTBOUND_LIMITS}, "
    "422 variable_missing, 422 too_long"
)
_COMMAND: Final = f"{_CALL}, 409 call_not_live, 409 command_refused, 409 outcome_unknown, 503 bus_away, 503 no_answer"
_TEMPLATE: Final = "404 template_not_found"
_TEMPLATE_CONFIG: Final = "422 provider_unknown, 422 too_long, 422 language_unsupported"
_PROVIDER: Final = "404 provider_not_found"
_PROVIDER_SETTINGS: Final = (
    "422 address_invalid, 422 key_invalid, 422 key_refused, 422 option_invalid, 422 option_unknown, "
    "422 provider_refused"
)
_PROVIDER_EDIT: Final = (
    f"{_PROVIDER_SETTINGS}, 409 vendor_fixed, 409 provider_exists, 422 price_invalid, 422 vendor_unknown, "
    "422 name_reserved"
)
_WORKSPACE: Final = "404 workspace_not_found"
_TIER_CHOICE: Final = "409 tier_not_priced, 409 tier_unavailable, 409 tier_too_small, 422 tier_unknown"
_USER: Final = "404 user_not_found"

_INVOICE: Final = "404 invoice_not_found"
_SINK: Final = "409 no_card_payments, 409 sink_refused"
_MONEY: Final = "422 amount_invalid, 422 amount_too_high"

_RANGE: Final = "422 range_incomplete, 422 range_invalid, 422 range_too_long"
_INTEGRATION: Final = "404 integration_not_found"
_INTEGRATION_TYPE: Final = "404 integration_type_not_found"
_INTEGRATION_SETTINGS: Final = (
    "409 workspace_suspended, 422 key_invalid, 422 key_not_used, 422 setting_invalid, 422 too_long"
)
_TYPE_CONFIG: Final = "422 address_invalid, 422 key_invalid, 422 too_long"

_CODES: Final[Mapping[str, str]] = {
    "get_call_overview": _RANGE,
    "list_agent_figures": _RANGE,
    "get_charges": _RANGE,
    "export_calls": f"{_RANGE}, 429 export_running, 429 export_hourly_limit",
    "admin_get_platform": _RANGE,
    "admin_rank_workspaces": _RANGE,
    "admin_rank_providers": _RANGE,
    "admin_get_costs": _RANGE,
    "sign_up": f"{_NEW_USER}, 403 signup_closed, 401 session_over",
    "log_in": f"{_SIGN_IN}, 401 totp_required, 401 totp_invalid, 401 recovery_code_invalid",
    "change_password": _NEW_OWN_PASSWORD,
    "reauthenticate": _PROOF,
    "end_own_session": "404 session_not_found",
    "begin_totp": f"{_PASSWORD_AGAIN}, 409 totp_enabled",
    "confirm_totp": f"{_SECOND_FACTOR}, 409 totp_enabled, 409 totp_not_begun",
    "remove_totp": f"{_SECOND_FACTOR}, 409 totp_not_enabled",
    "replace_recovery_codes": f"{_SECOND_FACTOR}, 409 totp_not_enabled",
    "change_sign_in_rules": "409 second_factor_missing, 409 workspace_suspended",
    "admin_change_password": _NEW_OWN_PASSWORD,
    "admin_reauthenticate": _PROOF,
    "admin_end_own_session": "404 session_not_found",
    "refresh": _REFRESH,
    "verify_email": "422 token_invalid",
    "reset_password": "422 token_invalid, 422 weak_password",
    "create_workspace": "409 tier_not_priced, 409 workspace_limit, 422 timezone_unknown",
    "get_workspace": "404 tier_not_found",
    "update_workspace": "409 workspace_suspended, 422 timezone_unknown, 422 disclosure_text_missing",
    "resend_verification": "429 letter_limit",
    "invite_member": (
        "403 email_unverified, 409 already_member, 409 member_limit, 409 workspace_suspended, 429 letter_limit"
    ),
    "change_member": "404 member_not_found, 409 last_owner",
    "remove_member": "404 member_not_found, 409 last_owner",
    "revoke_invitation": "404 invitation_not_found",
    "accept_invitation": f"{_INVITATION}, 403 invitation_address",
    "sign_up_invited": f"{_INVITATION}, {_NEW_USER}, 401 session_over",
    "change_sso": "409 domain_unproven, 409 workspace_suspended, 422 client_secret_missing, 422 issuer_refused",
    "remove_sso": "404 sso_not_found",
    "add_sso_domain": "409 domain_exists, 409 domain_limit, 409 workspace_suspended, 422 domain_invalid",
    "prove_sso_domain": "404 sso_domain_not_found, 409 domain_taken, 409 proof_missing, 409 proof_unavailable",
    "remove_sso_domain": "404 sso_domain_not_found",
    "begin_sso": "404 sso_not_found, 503 provider_away",
    "complete_sso": (
        "401 session_over, 401 sso_over, 401 sso_refused, 403 account_deactivated, 403 sso_domain, "
        "403 sso_other_person, 404 tier_not_found, 404 workspace_not_found, 409 email_taken, 409 member_limit, "
        "422 issuer_mismatch, 503 provider_away"
    ),
    "create_api_key": "409 api_key_limit, 422 expiry_in_the_past",
    "change_api_key": "404 api_key_not_found, 422 scopes_widened, 422 expiry_in_the_past",
    "rotate_api_key": "404 api_key_not_found, 409 api_key_expired, 409 secret_limit",
    "revoke_api_key": "404 api_key_not_found",
    "get_template": _TEMPLATE,
    "create_agent": f"{_AGENT_CONTENT}, {_AGENT_NUMBER}, 409 agent_limit, 422 template_not_found",
    "get_agent": _AGENT,
    "update_agent": f"{_AGENT}, {_AGENT_CONTENT}, {_AGENT_NUMBER}, 409 cannot_answer, 409 version_mismatch",
    "delete_agent": f"{_AGENT}, 409 agent_live",
    "activate_agent": f"{_AGENT}, 409 cannot_answer",
    "pause_agent": f"{_AGENT}, 409 not_live",
    "list_versions": _AGENT,
    "get_version": f"{_AGENT}, 404 version_not_found",
    "restore_version": (f"{_AGENT}, {_AGENT_CONTENT}, 404 version_not_found, 409 cannot_answer, 409 version_mismatch"),
    "get_draft": _DRAFT,
    "update_draft": f"{_AGENT}, {_AGENT_CONTENT}, 409 version_mismatch",
    "discard_draft": _DRAFT,
    "publish_draft": f"{_DRAFT}, {_AGENT_CONTENT}, 409 cannot_answer, 409 version_mismatch",
    "compare_versions": f"{_DRAFT}, 404 version_not_found",
    "available_numbers": (
        "409 no_carrier, 422 area_code_invalid, 422 carrier_not_set_up, 422 country_unknown, 503 carrier_away, "
        "503 carrier_refused, 503 market_busy"
    ),
    "buy_number": (
        "409 no_carrier, 409 number_limit, 409 number_taken, 409 owner_unverified, 409 payment_method_required, "
        "409 trial_number_limit, 409 workspace_suspended, 409 address_pending, 422 address_ambiguous, "
        "422 address_not_in_bundle, 422 address_rejected, 422 address_required, 422 address_unfit, "
        "422 address_unknown, 422 bundle_ambiguous, 422 bundle_not_usable, 422 bundle_required, 422 bundle_unfit, "
        "422 bundle_unknown, "
        "422 carrier_not_set_up, 422 phone_number_invalid, 429 number_daily_limit"
    ),
    "create_address": "409 address_limit, 409 workspace_suspended, 422 country_unknown",
    "get_address": _ADDRESS,
    "delete_address": f"{_ADDRESS}, 409 address_in_use",
    "get_bundle": _BUNDLE,
    "get_number": _NUMBER,
    "rename_number": _NUMBER,
    "release_number": f"{_NUMBER}, 409 number_buying, 409 number_in_use",
    "list_calls": "422 too_deep",
    "get_call": _CALL,
    "get_recording": f"{_CALL}, 404 no_recording, 404 recording_withheld, 503 storage_away",
    "get_transcription": _CALL,
    "list_events": _CALL,
    "create_webhook_endpoint": "409 webhook_endpoint_limit, 409 workspace_suspended, 422 address_refused",
    "get_webhook_endpoint": _ENDPOINT,
    "change_webhook_endpoint": f"{_ENDPOINT}, 409 workspace_suspended, 422 address_refused",
    "delete_webhook_endpoint": _ENDPOINT,
    "rotate_webhook_secret": _ENDPOINT,
    "test_webhook_endpoint": f"{_ENDPOINT}, 409 webhook_endpoint_disabled",
    "replay_webhook_deliveries": f"{_ENDPOINT}, 409 webhook_endpoint_disabled",
    "list_webhook_deliveries": _ENDPOINT,
    "get_webhook_delivery": f"{_ENDPOINT}, 404 webhook_delivery_not_found",
    "replay_webhook_delivery": f"{_ENDPOINT}, 404 webhook_delivery_not_found, 409 webhook_endpoint_disabled",
    "create_campaign": f"{_CAMPAIGN_SETTINGS}, 409 campaign_limit",
    "get_campaign": _CAMPAIGN,
    "replace_campaign": f"{_CAMPAIGN}, {_CAMPAIGN_SETTINGS}, 409 campaign_over",
    "delete_campaign": f"{_CAMPAIGN}, 409 campaign_running",
    "start_campaign": (
        f"{_CAMPAIGN}, 404 agent_not_found, 404 tier_not_found, 409 campaign_status, 409 campaign_empty, "
        "409 campaign_ended, 409 running_campaign_limit, 409 agent_not_live, 409 outbound_not_in_tier, "
        "409 workspace_suspended, 409 owner_unverified, 422 agent_version_unknown"
    ),
    "pause_campaign": f"{_CAMPAIGN}, 409 campaign_status",
    "cancel_campaign": f"{_CAMPAIGN}, 409 campaign_over",
    "get_campaign_progress": _CAMPAIGN,
    "add_recipients": _NEW_RECIPIENTS,
    "upload_recipients": (
        f"{_NEW_RECIPIENTS}, 422 file_unknown, 422 file_empty, 422 column_missing, 422 columns_invalid, "
        "422 too_many_rows"
    ),
    "list_recipients": _CAMPAIGN,
    "get_recipient": f"{_CAMPAIGN}, 404 recipient_not_found",
    "export_campaign_results": _CAMPAIGN,
    "create_http_tool": f"{_TOOL_CONFIG}, 409 http_tool_limit, 409 tool_name_taken, 422 tool_name_reserved",
    "get_http_tool": _HTTP_TOOL,
    "change_http_tool": f"{_HTTP_TOOL}, {_TOOL_CONFIG}, 422 secrets_missing",
    "delete_http_tool": f"{_HTTP_TOOL}, 409 tool_in_use",
    "try_http_tool": f"{_HTTP_TOOL}, 409 workspace_suspended, 409 secrets_lost, 422 arguments_invalid",
    "create_mcp_server": f"{_TOOL_CONFIG}, 409 mcp_server_limit, 409 server_name_taken",
    "get_mcp_server": _MCP_SERVER,
    "change_mcp_server": f"{_MCP_SERVER}, {_TOOL_CONFIG}, 422 secrets_missing",
    "delete_mcp_server": f"{_MCP_SERVER}, 409 tool_in_use",
    "refresh_mcp_server": f"{_MCP_SERVER}, 409 workspace_suspended, 409 secrets_lost, 429 busy",
    "try_mcp_tool": f"{_MCP_SERVER}, 404 mcp_tool_not_found, 409 workspace_suspended, 409 secrets_lost, 429 busy",
    "add_document": _NEW_DOCUMENT,
    "upload_document": f"{_NEW_DOCUMENT}, 503 busy",
    "get_document": _DOCUMENT,
    "delete_document": _DOCUMENT,
    "reindex_document": f"{_DOCUMENT}, 409 workspace_suspended",
    "block_caller": "409 blocked_caller_limit, 409 caller_blocked",
    "unblock_caller": "404 blocked_caller_not_found",
    "add_do_not_call_numbers": "409 do_not_call_limit",
    "import_do_not_call_numbers": "409 do_not_call_limit, 422 file_unreadable, 422 file_too_long",
    "remove_do_not_call_number": "404 do_not_call_number_not_found",
    "request_phone_code": (
        f"{_DESTINATION}, {_CALLED}, {_OUTBOUND_LIMITS}, 409 call_limit, 409 no_number, 409 owner_unverified, "
        "409 workspace_suspended, 429 phone_code_limit"
    ),
    "confirm_phone_code": (
        "404 phone_code_not_found, 409 phone_code_over, 409 verified_number_limit, 422 phone_code_wrong"
    ),
    "forget_verified_number": "404 verified_number_not_found",
    "get_retention": _WORKSPACE,
    "change_retention": f"{_WORKSPACE}, 409 workspace_suspended, 422 retention_too_long",
    "delete_caller": "409 deletion_limit, 422 number_is_own",
    "request_export": "429 export_limit",
    "download_export": "404 export_not_found, 409 export_not_ready, 503 storage_away",
    "place_call": f"{_PLACE}, 409 agent_not_live, 409 outbound_not_in_tier",
    "place_test": f"{_PLACE}, 404 draft_not_found, 429 test_limit, 429 trial_test_limit",
    "end_call": _COMMAND,
    "say_words": _COMMAND,
    "transfer_call": f"{_COMMAND}, {_TRIAL_DESTINATION}, 422 sip_invalid",
    "admin_log_in": (
        f"{_SIGN_IN}, 401 totp_required, 401 totp_invalid, 401 recovery_code_invalid, 403 totp_setup_required"
    ),
    "admin_refresh": _REFRESH,
    "admin_enrol_totp": f"{_SIGN_IN}, 409 totp_enabled",
    "admin_begin_totp": f"{_PASSWORD_AGAIN}, 409 totp_enabled",
    "admin_confirm_totp": f"{_SECOND_FACTOR}, 409 totp_enabled, 409 totp_not_begun",
    "admin_remove_totp": f"{_SECOND_FACTOR}, 403 totp_setup_required, 409 totp_not_enabled",
    "admin_replace_recovery_codes": f"{_SECOND_FACTOR}, 409 totp_not_enabled",
    "admin_get_user": _USER,
    "admin_update_user": _USER,
    "admin_delete_user": f"{_USER}, 404 member_not_found, 409 last_owner",
    "admin_change_settings": (
        "409 tier_not_priced, 409 tier_unavailable, 422 setting_invalid, 422 setting_repeated, 422 setting_unknown, "
        "422 tier_unknown"
    ),
    "admin_create_tier": "409 tier_exists",
    "admin_update_tier": "404 tier_not_found, 409 default_tier, 409 tier_in_use",
    "admin_put_tier_price": "404 tier_not_found, 422 amount_invalid, 422 currency_fixed",
    "admin_list_activity": "422 too_deep",
    "change_voice_provider": (
        f"{_PROVIDER}, {_PROVIDER_SETTINGS}, 409 changed_meanwhile, 409 own_keys_not_in_tier, 409 workspace_suspended, "
        "422 address_needs_own_key, 422 key_missing"
    ),
    "change_strategy": "409 no_provider_left, 409 workspace_suspended, 422 provider_unknown",
    "create_integration": (
        f"{_INTEGRATION_SETTINGS}, 409 integration_limit, 409 type_not_ready, 422 integration_type_unknown, "
        "422 key_missing"
    ),
    "get_integration": _INTEGRATION,
    "update_integration": f"{_INTEGRATION}, {_INTEGRATION_SETTINGS}, 422 key_missing",
    "delete_integration": _INTEGRATION,
    "reconnect_integration": (
        f"{_INTEGRATION}, 409 not_oauth, 409 type_not_ready, 409 workspace_suspended, 422 integration_type_unknown"
    ),
    "confirm_integration": "404 confirmation_not_found",
    "sync_integration": (
        f"{_INTEGRATION}, 409 integration_not_connected, 409 sync_unsupported, 409 workspace_suspended"
    ),
    "list_sync_logs": _INTEGRATION,
    "admin_create_type": f"{_TYPE_CONFIG}, 409 integration_type_exists, 409 integration_type_limit",
    "admin_get_type": _INTEGRATION_TYPE,
    "admin_update_type": f"{_INTEGRATION_TYPE}, {_TYPE_CONFIG}",
    "admin_delete_type": _INTEGRATION_TYPE,
    "admin_import_actions": "422 document_invalid",
    "admin_create_provider": _PROVIDER_EDIT,
    "admin_update_provider": f"{_PROVIDER}, {_PROVIDER_EDIT}, 422 key_missing",
    "admin_delete_provider": f"{_PROVIDER}, 409 provider_in_use, 409 provider_shipped",
    "admin_change_routing": "422 provider_repeated, 422 provider_unknown",
    "admin_get_workspace": _WORKSPACE,
    "admin_update_workspace": f"{_WORKSPACE}, {_TIER_CHOICE}, 409 trials_off, 422 country_unknown",
    "admin_delete_workspace": _WORKSPACE,
    "admin_suspend_workspace": _WORKSPACE,
    "admin_activate_workspace": _WORKSPACE,
    "admin_change_tier": f"{_WORKSPACE}, {_TIER_CHOICE}",
    "admin_restore_workspace": f"{_WORKSPACE}, 409 not_deleted",
    "admin_list_account_numbers": _CARRIER,
    "admin_import_number": (
        f"{_WORKSPACE}, {_CARRIER}, 409 number_elsewhere, 409 number_limit, 409 number_pending, 409 number_taken, "
        "422 number_not_owned, 422 phone_number_invalid, 422 price_required"
    ),
    "admin_link_bundle": f"{_WORKSPACE}, {_CARRIER}, 409 bundle_limit, 409 bundle_linked, 422 bundle_unknown",
    "admin_unlink_bundle": f"{_BUNDLE}, 409 bundle_in_use",
    "admin_create_template": _TEMPLATE_CONFIG,
    "admin_get_template": _TEMPLATE,
    "admin_update_template": f"{_TEMPLATE}, {_TEMPLATE_CONFIG}",
    "admin_delete_template": _TEMPLATE,
    "get_invoice": _INVOICE,
    "open_invoice_link": _INVOICE,
    "change_billing_settings": "422 amount_invalid, 422 country_unknown",
    "start_payment_setup": _SINK,
    "set_payment_method": f"{_SINK}, 422 card_declined, 422 payment_method_unknown",
    "delete_payment_method": _SINK,
    "admin_void_invoice": f"{_INVOICE}, {_SINK}, 409 invoice_not_open",
    "admin_record_payment": (
        f"{_INVOICE}, {_MONEY}, {_SINK}, 409 invoice_not_open, 409 reference_used, 422 amount_too_low"
    ),
    "admin_refund_payment": (f"{_INVOICE}, {_MONEY}, 409 invoice_not_paid, 409 no_card_payments, 409 reference_used"),
    "admin_resume_invoice": f"{_INVOICE}, 409 invoice_not_refused",
    "admin_grant_credit": f"{_WORKSPACE}, 422 amount_invalid, 422 expiry_invalid",
    "admin_void_credit": "404 credit_not_found",
    "admin_add_tax_rate": "409 tax_rate_exists",
    "admin_create_exchange_rate": "409 exchange_rate_exists, 422 currency_fixed, 422 valid_from_past",
    "admin_change_currency": f"{_WORKSPACE}, 409 currency_in_use, 409 tier_not_priced",
    "admin_set_payment_method_exemption": f"{_WORKSPACE}, 422 reason_required",
    "admin_set_prepayment": _WORKSPACE,
    "admin_set_tax_exemption": f"{_WORKSPACE}, 422 reason_required",
    "admin_list_calls": "422 too_deep, 422 reason_required",
    "admin_get_call": _CALL,
    "admin_end_call": _CALL,
    "admin_list_events": _CALL,
}


def _parse(text: str) -> Iterator[ErrorCode]:
    """Raises KeyError for an error without a text."""
    for each in dict.fromkeys(text.split(", ")):
        status, code = each.split()
        yield ErrorCode(int(status), code, ERROR_TEXTS[each])


OPERATION_ERRORS: Final[Mapping[str, tuple[ErrorCode, ...]]] = {
    operation: tuple(_parse(text)) for operation, text in _CODES.items()
}
