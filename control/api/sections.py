"""The sections of the API documentation, customers first, in the order in which a newcomer needs them."""

from typing import Final

from control.http.openapi.api_reference import Section

SECTIONS: Final = (
    Section("Auth", "Sign-up, sign-in and sessions. Begin here: every other request needs the token."),
    Section("Workspaces", "A business's tenant: it holds members, agents, phone numbers and calls."),
    Section(
        "Agents", "The personas that answer and place calls. Each change creates a version; a live agent answers calls."
    ),
    Section("Templates", "Ready-made configs that agents are created from."),
    Section("Test cases", "Callers in tests of agents, made from calls or written by hand."),
    Section("Test runs", "Runs of test cases against a version of an agent, with a verdict for each assertion."),
    Section("Phone numbers", "Documents about the business that a carrier holds, which some numbers require."),
    Section("Addresses", "Addresses of the business, which the purchase of some numbers requires."),
    Section("Regulatory bundles", "Documents about the business that a carrier has, which some numbers need."),
    Section("Calls", "Place calls, follow and command running ones, read transcripts, costs, events and recordings."),
    Section("Campaigns", "Lists of numbers that an agent calls: recipients, hours, retries, progress, results."),
    Section("Voice", "Types of integrations that can be connected, with the settings that each type requires."),
    Section("Integrations", "Connections to calendars, CRMs and other services that agents use."),
    Section("Integration types", "What can be connected, with the settings that each type needs."),
    Section("Http tools", "Requests to the workspace's own systems, which agents make in a call."),
    Section("Mcp servers", "Servers of the Model Context Protocol, whose tools agents use in a call."),
    Section("Knowledge", "Addresses of your own systems that receive events, and the deliveries of those events."),
    Section("Messages", "Messages that callers left with an agent."),
    Section("Webhook endpoints", "Addresses of your own systems to which events are posted, and their deliveries."),
    Section("Blocked callers", "Verified phones of members. A workspace on trial can call only these phones."),
    Section("Do not call numbers", "Numbers that no agent of the workspace calls."),
    Section("Verified numbers", "Phones of members, the only ones that a workspace on trial calls."),
    Section("Privacy", "How long data is kept, its deletion for one caller, exports, and what the staff read."),
    Section("Analytics", "Figures of a workspace's calls, agents and charges, and its calls as a file."),
    Section("Billing", "The running period, closed periods, invoices, and the limit of what a workspace may spend."),
    Section("Members", "The people of a workspace and their roles."),
    Section("Invitations", "Invitations to a workspace, for senders and recipients."),
    Section("Sign in rules", "Keys with which a workspace's own systems use the API, each with its own scopes."),
    Section("Sso", "Single sign-on with a workspace's own OpenID Connect provider."),
    Section("Api keys", "Keys with which a workspace's own systems use the API, each with its own scopes."),
    Section("Admin: auth", "Sign-in of the platform's staff, with a second factor."),
    Section("Admin: dashboard", "Figures of the platform."),
    Section("Admin: analytics", "Numbers in the platform's accounts at the carriers."),
    Section("Admin: workspaces", "Find, change, suspend, delete and restore workspaces."),
    Section("Admin: phone-numbers", "Numbers that the platform's accounts at the carriers have."),
    Section("Admin: users", "Find, change and delete users."),
    Section("Admin: calls", "Calls of all workspaces."),
    Section("Admin: billing", "The integration types that workspaces can connect, and how much they are used."),
    Section("Admin: providers", "The provider catalog: keys, prices, health, costs and routing."),
    Section("Admin: integrations", "The types that workspaces can connect, and how much they are used."),
    Section("Admin: templates", "Write the templates that customers create agents from."),
    Section("Admin: config", "Settings of the platform, and tiers with their prices and limits."),
    Section("Admin: logs", "The audit log."),
    Section("Webhooks", "Addresses that carriers post to; not for customers."),
)
