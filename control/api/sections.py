"""The sections of the API's document, customers first, in the order in which a newcomer needs them."""

from typing import Final

from control.http.api_reference import Section

SECTIONS: Final = (
    Section("Auth", "Sign-up, sign-in and sessions. Begin here: every other request needs the token."),
    Section("Workspaces", "A business's tenant: it holds members, agents, phone numbers and calls."),
    Section("Agents", "The personas that answer and place calls. Each change makes a version; a live agent answers."),
    Section("Templates", "Ready-made configs that agents are created from."),
    Section("Phone numbers", "Search, buy, name and release the numbers that agents answer and call from."),
    Section("Addresses", "Addresses of the business, which some numbers are sold with only."),
    Section("Regulatory bundles", "Documents about the business that a carrier has, which some numbers need."),
    Section("Calls", "Place calls, follow and command running ones, read transcripts, costs, events and recordings."),
    Section("Voice", "Providers that listen, think and speak: keys of one's own, and how they are chosen."),
    Section("Integrations", "Connections to calendars, CRMs and other services that agents use."),
    Section("Integration types", "What can be connected, with the settings that each type needs."),
    Section("Http tools", "Requests to the workspace's own systems, which agents make in a call."),
    Section("Mcp servers", "Servers of the Model Context Protocol, whose tools agents use in a call."),
    Section("Knowledge", "Documents that agents search in calls: uploaded, read, cited."),
    Section("Messages", "Messages that callers left with an agent."),
    Section("Blocked callers", "Callers whose calls a workspace rejects."),
    Section("Verified numbers", "Phones of members, the only ones that a workspace on trial calls."),
    Section("Privacy", "How long data is kept, its deletion for one caller, exports, and what the staff read."),
    Section("Analytics", "Figures of a workspace's calls, agents and charges, and its calls as a file."),
    Section("Billing", "The running period, closed periods, invoices, and the limit of what a workspace may spend."),
    Section("Members", "The people of a workspace and their roles."),
    Section("Invitations", "Invitations to a workspace, for those who sent them and those who got them."),
    Section("Admin: auth", "Sign-in of the platform's staff, with a second factor."),
    Section("Admin: dashboard", "Figures of the platform."),
    Section("Admin: analytics", "Calls, revenue, cost and margin of the platform, its customers and providers."),
    Section("Admin: workspaces", "Find, change, suspend, delete and restore workspaces."),
    Section("Admin: phone-numbers", "Numbers that the platform's accounts at the carriers have."),
    Section("Admin: users", "Find, change and delete users."),
    Section("Admin: calls", "Calls of all workspaces."),
    Section("Admin: billing", "Revenue and cost, invoices, payments, credits and tax rates."),
    Section("Admin: providers", "The provider catalogue: keys, prices, health, costs and routing."),
    Section("Admin: integrations", "The types that workspaces can connect, and how much they are used."),
    Section("Admin: templates", "Write the templates that customers create agents from."),
    Section("Admin: config", "Settings of the platform, and tiers with their prices and limits."),
    Section("Admin: logs", "The audit log."),
    Section("Webhooks", "Addresses to which the carriers post; not for customers."),
)
