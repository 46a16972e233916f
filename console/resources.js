// What the general list and detail pages show: one entry for each noun, of operations of the API by their ids. Filters, forms and
// roles come from the OpenAPI document.

/** @typedef {{operation: string, title: string, confirm?: string, danger?: boolean, when?: (row: any) => boolean, upload?: string, download?: string, inList?: boolean}} Action confirm: asked before; upload: the types of file that it takes; download: the name of the file that it answers */
/** @typedef {{title: string, list: string, columns: string[], key?: string, actions?: Action[]}} Child a list below the detail */
/** @typedef {{title: string, text: string, list: string, rows?: string, columns: string[], key?: string, get?: string, create?: string, createTitle?: string, change?: string, actions?: Action[], children?: Child[], panels?: [string, string][], link?: [string, string, string], also?: [string, string][]}} Resource
 * rows: the key of the rows, if the answer has several lists; link: [text, path, least role] of a page that creates; also: more lists of the same kind; panels: [title, operation] whose answers a detail shows */

/** @type {Record<string, Resource>} */
export const RESOURCES = {
  "phone-numbers": {
    title: "Phone numbers", text: "Numbers that callers dial, and that your agents call from.", list: "list_numbers", get: "get_number", change: "rename_number",
    columns: ["phone_number", "friendly_name", "status", "agent_name", "country", "monthly_price"], link: ["Buy a number", "/numbers/buy", "admin"], also: [["Addresses", "addresses"], ["Verified phones", "verified-numbers"]],
    actions: [{ operation: "release_number", title: "Release", danger: true, confirm: "The number goes back to the carrier, and callers no longer reach you by it." }],
  },
  campaigns: {
    title: "Campaigns", text: "An agent calls a list of people, within their calling hours.", list: "list_campaigns", get: "get_campaign", create: "create_campaign", createTitle: "New campaign", change: "replace_campaign",
    columns: ["name", "status", "starts_at", "created_at", "external_ref"],
    actions: [
      { operation: "start_campaign", title: "Start", when: (row) => ["draft", "paused"].includes(row.status) }, { operation: "pause_campaign", title: "Pause", when: (row) => ["running", "scheduled"].includes(row.status) },
      { operation: "upload_recipients", title: "Upload recipients", upload: ".csv,text/csv" }, { operation: "add_recipients", title: "Add recipients" },
      { operation: "cancel_campaign", title: "Cancel campaign", danger: true, confirm: "Recipients who were not reached are not called any more. This cannot be undone.", when: (row) => !["draft", "finished", "canceled", "completed"].includes(row.status) },
      { operation: "delete_campaign", title: "Delete", danger: true, confirm: "The campaign and its recipients are deleted.", when: (row) => row.status === "draft" },
    ],
    panels: [["Progress", "get_campaign_progress"]], children: [{ title: "Recipients", list: "list_recipients", columns: ["phone_number", "reference", "status", "outcome", "attempts", "next_attempt_at"] }],
  },
  knowledge: {
    title: "Knowledge", text: "Documents that agents search during calls.", list: "list_documents", get: "get_document", create: "add_document", createTitle: "Add a text",
    columns: ["name", "status", "format", "language", "size_bytes", "pages", "created_at"],
    actions: [{ operation: "upload_document", title: "Upload a file", upload: ".pdf,.docx,.md,.txt,.html,.csv", inList: true }, { operation: "search_knowledge", title: "Search as agents do", inList: true }, { operation: "reindex_document", title: "Index again" }, { operation: "delete_document", title: "Delete", danger: true, confirm: "Agents no longer find what it says." }],
  },
  "http-tools": {
    title: "HTTP tools", text: "Requests to your own systems that agents make during calls.", list: "list_http_tools", get: "get_http_tool", create: "create_http_tool", createTitle: "New tool", change: "change_http_tool",
    columns: ["name", "secret_headers", "updated_at"], actions: [{ operation: "try_http_tool", title: "Try it" }, { operation: "delete_http_tool", title: "Delete", danger: true, confirm: "Agents that use it can no longer call it." }],
  },
  "mcp-servers": {
    title: "MCP servers", text: "Servers whose tools agents use during calls.", list: "list_mcp_servers", get: "get_mcp_server", create: "create_mcp_server", createTitle: "Add a server", change: "change_mcp_server",
    columns: ["name", "listed_at", "list_error", "updated_at"], actions: [{ operation: "refresh_mcp_server", title: "List its tools again" }, { operation: "try_mcp_tool", title: "Try a tool" }, { operation: "delete_mcp_server", title: "Delete", danger: true, confirm: "Agents can no longer use its tools." }],
  },
  integrations: {
    title: "Integrations", text: "Connections to calendars, customer records and other services.", list: "list_integrations", get: "get_integration", create: "create_integration", createTitle: "Connect a service", change: "update_integration",
    columns: ["name", "integration_type", "status", "last_sync_at"],
    actions: [{ operation: "sync_integration", title: "Copy records now" }, { operation: "reconnect_integration", title: "Connect again" }, { operation: "delete_integration", title: "Remove", danger: true, confirm: "The access is revoked, and copied records are deleted." }],
    children: [{ title: "Copies of records", list: "list_sync_logs", columns: ["sync_type", "status", "records_synced", "started_at", "ended_at", "error"] }],
  },
  messages: { title: "Messages", text: "What callers asked agents to pass on.", list: "list_messages", columns: ["caller_name", "reason", "text", "callback_number", "is_urgent", "agent_name", "taken_at", "call_id"] },
  invoices: { title: "Invoices", text: "What was billed, and what is still to be paid.", list: "list_invoices", get: "get_invoice", columns: ["number", "status", "amount", "amount_due", "period_start", "period_end", "due_at", "invoice_pdf_url"] },
  webhooks: {
    title: "Webhooks", text: "Events are posted to these addresses, signed.", list: "list_webhook_endpoints", get: "get_webhook_endpoint", create: "create_webhook_endpoint", createTitle: "Add an address", change: "change_webhook_endpoint",
    columns: ["url", "description", "is_enabled", "event_types", "failing_since"],
    actions: [{ operation: "test_webhook_endpoint", title: "Send a test" }, { operation: "rotate_webhook_secret", title: "New secret", confirm: "The old secret stays valid for a while, so that you can change it without losing events." }, { operation: "replay_webhook_deliveries", title: "Send failed events again" }, { operation: "delete_webhook_endpoint", title: "Delete", danger: true, confirm: "Events are no longer sent there." }],
    children: [{ title: "Delivery log", list: "list_webhook_deliveries", columns: ["event_type", "status", "attempts", "occurred_at", "finished_at", "id"], actions: [{ operation: "replay_webhook_delivery", title: "Send again" }] }],
  },
  "api-keys": {
    title: "API keys", text: "With a key your own systems use the API.", list: "list_api_keys", create: "create_api_key", createTitle: "New key", columns: ["name", "scopes", "last_used_at", "expires_at", "created_at"],
    actions: [{ operation: "change_api_key", title: "Change" }, { operation: "rotate_api_key", title: "Rotate", confirm: "A new secret is made. The old one stays valid for a while." }, { operation: "revoke_api_key", title: "Revoke", danger: true, confirm: "Systems that use it are refused from the next request on." }],
  },
  members: {
    title: "Members", text: "People who work in this workspace, and what they may do.", list: "list_members", key: "user_id", create: "invite_member", createTitle: "Invite somebody", columns: ["name", "email", "role", "joined_at"],
    actions: [{ operation: "change_member", title: "Change role" }, { operation: "remove_member", title: "Remove", danger: true, confirm: "The person loses access to this workspace at once." }], also: [["Invitations", "invitations"]],
  },
  invitations: { title: "Invitations", text: "Invitations that were not accepted yet.", list: "list_invitations", create: "invite_member", createTitle: "Invite somebody", columns: ["email", "role", "created_at", "expires_at", "is_expired"], actions: [{ operation: "revoke_invitation", title: "Revoke", danger: true, confirm: "Its link no longer works." }], also: [["Members", "members"]] },
  "do-not-call": { title: "Do not call", text: "Numbers that no agent of this workspace calls.", list: "list_do_not_call_numbers", create: "add_do_not_call_numbers", createTitle: "Add numbers", columns: ["number", "source", "note", "created_at", "call_id"], actions: [{ operation: "import_do_not_call_numbers", title: "Import a file", upload: ".csv,.txt,text/csv", inList: true }, { operation: "remove_do_not_call_number", title: "Remove", danger: true, confirm: "Agents may call this number again." }] },
  "blocked-callers": { title: "Blocked callers", text: "Calls of these numbers are refused.", list: "list_blocked_callers", create: "block_caller", createTitle: "Block a caller", columns: ["caller", "note", "created_at"], actions: [{ operation: "unblock_caller", title: "Unblock", confirm: "The caller reaches your agents again." }] },
  "verified-numbers": { title: "Verified phones", text: "Phones of members. Workspaces on trial call no others.", list: "list_verified_numbers", columns: ["phone_number", "verified_at"], actions: [{ operation: "request_phone_code", title: "Verify a phone", inList: true }, { operation: "forget_verified_number", title: "Remove", danger: true, confirm: "Test calls to this phone need a new verification." }], also: [["Phone numbers", "phone-numbers"]] },
  addresses: { title: "Addresses", text: "Some numbers are sold only with an address of their holder.", list: "list_addresses", get: "get_address", create: "create_address", createTitle: "Add an address", columns: ["customer_name", "street", "city", "country", "created_at"], actions: [{ operation: "delete_address", title: "Delete", danger: true, confirm: "Numbers can no longer be bought under it." }], also: [["Phone numbers", "phone-numbers"]] },
  privacy: { title: "Deletion of callers", text: "All that is kept of one caller is deleted on request.", list: "list_caller_deletions", create: "delete_caller", createTitle: "Delete a caller", columns: ["caller", "status", "requested_by", "requested_at", "finished_at"], also: [["Exports", "exports"], ["Reads by the staff", "accesses"]] },
  exports: { title: "Exports", text: "All data of this workspace as one file.", list: "list_exports", create: "request_export", createTitle: "Request an export", columns: ["status", "requested_by", "requested_at", "finished_at", "expires_at", "size_bytes"], actions: [{ operation: "download_export", title: "Download", download: "export.zip", when: (row) => row.status === "ready" || row.status === "done" }], also: [["Deletion of callers", "privacy"]] },
  accesses: { title: "Reads by the staff", text: "Which calls the staff of the platform opened, and why.", list: "list_content_reads", columns: ["at", "reader", "content", "reason", "call_id"], also: [["Deletion of callers", "privacy"]] },
  "sso-domains": { title: "Domains of single sign-on", text: "Members with an address of a proven domain can sign in at your provider.", list: "list_sso_domains", create: "add_sso_domain", createTitle: "Add a domain", columns: ["domain", "verified_at", "record_name", "record_value"], actions: [{ operation: "prove_sso_domain", title: "Look the record up", when: (row) => !row.verified_at }, { operation: "remove_sso_domain", title: "Remove", danger: true, confirm: "Whom single sign-on signed in with its addresses is signed out." }], also: [["Settings", "settings"]] },
  providers: { title: "Providers", text: "Who recognizes, answers and speaks in your calls.", list: "list_voice_providers", key: "provider", columns: ["provider", "kinds", "is_enabled", "is_configured", "has_own_key", "fault"], actions: [{ operation: "change_voice_provider", title: "Change" }] },
};

/** @type {Record<string, Resource>} */
export const ADMIN_RESOURCES = {
  calls: { title: "Calls", text: "Calls of all workspaces. Opening one is written to the audit log.", list: "admin_list_calls", get: "admin_get_call", columns: ["workspace_name", "agent_name", "caller_number", "called_number", "direction", "status", "duration_seconds", "cost_total", "created_at"] },
  workspaces: {
    title: "Workspaces", text: "All customers.", list: "admin_list_workspaces", get: "admin_get_workspace", change: "admin_update_workspace", columns: ["name", "owner_email", "status", "subscription_tier", "total_calls", "total_revenue", "created_at"],
    actions: [{ operation: "admin_change_tier", title: "Change tier" }, { operation: "admin_grant_credit", title: "Grant credit" }, { operation: "admin_suspend_workspace", title: "Suspend", danger: true, when: (row) => row.status !== "suspended" }, { operation: "admin_activate_workspace", title: "Activate", when: (row) => row.status === "suspended" }, { operation: "admin_restore_workspace", title: "Restore", when: (row) => !!row.deleted_at }, { operation: "admin_delete_workspace", title: "Delete", danger: true, confirm: "Its calls end, its numbers are released, and its data is deleted after the grace period.", when: (row) => !row.deleted_at }],
  },
  users: { title: "Users", text: "All accounts of customers.", list: "admin_list_users", get: "admin_get_user", change: "admin_update_user", columns: ["name", "email", "is_active", "is_verified", "workspaces_count", "created_at"], actions: [{ operation: "admin_delete_user", title: "Delete", danger: true, confirm: "The account and its memberships are deleted." }] },
  "phone-numbers": { title: "Phone numbers", text: "Numbers of the carriers' accounts.", list: "admin_list_account_numbers", key: "phone_number", columns: ["phone_number", "carrier", "target", "pending"], create: "admin_import_number", createTitle: "Import a number" },
  invoices: {
    title: "Invoices", text: "Invoices of all workspaces.", list: "admin_list_invoices", columns: ["number", "workspace_name", "status", "amount", "amount_paid", "issued_at", "due_at"],
    actions: [{ operation: "admin_record_payment", title: "Record a payment" }, { operation: "admin_refund_payment", title: "Refund" }, { operation: "admin_void_invoice", title: "Void", danger: true }, { operation: "admin_resume_invoice", title: "Resume" }],
  },
  balances: { title: "Balances", text: "What each workspace owes.", list: "admin_list_balances", key: "workspace_id", columns: ["name", "current_balance", "payment_status", "last_payment_date"] },
  "tax-rates": { title: "Tax rates", text: "Rates by country, from a day on.", list: "admin_list_tax_rates", create: "admin_add_tax_rate", createTitle: "New rate", columns: ["country", "name", "basis_points", "is_inclusive", "valid_from"] },
  "exchange-rates": { title: "Exchange rates", text: "What currencies are worth in US dollars.", list: "admin_list_exchange_rates", create: "admin_create_exchange_rate", createTitle: "New rate", columns: ["currency", "usd", "valid_from"] },
  tiers: { title: "Tiers", text: "Plans that workspaces can have.", list: "admin_list_tiers", key: "tier_name", create: "admin_create_tier", createTitle: "New tier", columns: ["tier_name", "display_name", "monthly_fee", "included_minutes", "price_per_minute", "is_available"], actions: [{ operation: "admin_update_tier", title: "Change" }] },
  providers: { title: "Providers", text: "The catalogue of vendors, with keys and prices.", list: "admin_list_providers", key: "provider", create: "admin_create_provider", createTitle: "Add a provider", columns: ["provider", "vendor", "kinds", "is_enabled", "has_key", "health_status", "priority", "last_check"], actions: [{ operation: "admin_update_provider", title: "Change" }, { operation: "admin_delete_provider", title: "Delete", danger: true, confirm: "Calls no longer use it.", when: (row) => !row.is_shipped }] },
  templates: { title: "Templates", text: "What new agents start from.", list: "admin_list_templates", get: "admin_get_template", create: "admin_create_template", createTitle: "New template", change: "admin_update_template", columns: ["name", "industry", "is_public", "usage_count"], actions: [{ operation: "admin_delete_template", title: "Delete", danger: true, confirm: "Agents that were made from it stay as they are." }] },
  "integration-types": { title: "Integration types", text: "Services that workspaces can connect.", list: "admin_list_types", key: "type", get: "admin_get_type", create: "admin_create_type", createTitle: "New type", change: "admin_update_type", columns: ["type", "name", "auth_type", "is_enabled"], actions: [{ operation: "admin_delete_type", title: "Delete", danger: true, confirm: "Workspaces can no longer connect it." }] },
  settings: { title: "Settings", text: "Settings of the platform.", list: "admin_list_settings", key: "key", columns: ["key", "value", "description", "updated_at"], create: "admin_change_settings", createTitle: "Change settings" },
};
