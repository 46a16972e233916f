"""Properties of voice providers, their prices, health and routing."""

from typing import Final

from control.http.api_reference import PropertyText as Text

_WHEN: Final = "2026-11-26T13:05:00Z"
_KINDS: Final = ["llm"]
_TOKENS: Final = {"unit": "million_tokens", "input": 0.4, "output": 1.6}
_PRICE: Final = {"llm": {"*": _TOKENS}}
_POLICY: Final = {"on_platform": False, "regions": ["eu"], "retention_days": 0, "no_training": True}
_PRICE_VIEW: Final = {"llm": {"*": {**_TOKENS, "price": None, "cached_input": None, "cache_write": None}}}
_COST: Final = "unit and price by role and model"

VOICE: Final = {
    "providers": Text("The providers, by priority."),
    "ProviderAnswer.provider": Text("The provider."),
    "VoiceProviderAnswer.provider": Text("The provider."),
    "kinds": Text("What the provider can be: `stt`, `llm`, `tts`.", _KINDS),
    "AdminProvider.vendor": Text("The adapter that calls are made with.", "openai"),
    "AdminProvider.display_name": Text("Name for people.", "Groq"),
    "is_shipped": Text("Whether it came with the product; then it cannot be deleted."),
    "priority": Text("The lower, the earlier in a default chain.", 100),
    "needs_key": Text("Whether its server takes a key."),
    "has_key": Text("Whether the platform has a key of it, which is never shown."),
    "has_own_key": Text("Whether the workspace has stored a key of its own, which is never shown."),
    "api_key": Text("The key, sealed at once and never shown again; tried at the vendor first.", "key-of-the-vendor"),
    "uses_platform_key": Text("Whether calls use the platform's key."),
    "is_configured": Text("Whether calls can use it now."),
    "fault": Text("Why calls cannot use it now; null if they can.", "groq has no key"),
    "AdminProvider.is_enabled": Text("Whether it is in service."),
    "ProviderHealth.is_enabled": Text("Whether it is in service."),
    "VoiceProvider.is_enabled": Text("Whether it is in service and not turned off by the workspace."),
    "NewProviderBody.provider": Text("A new name: lower-case letters, digits, - and _.", "my-llama"),
    "NewProviderBody.config": Text(
        "`vendor`, options by kind, and marks of `quality` by kind.",
        {"vendor": "openai", "llm": {"base_url": "https://llm.example.com/v1", "model": "tiny"}},
    ),
    "ProviderChange.config": Text("Options by kind; each kind as a whole.", {"llm": {"model": "gpt-5.4-mini"}}),
    "VoiceProviderChange.config": Text(
        "Options by kind; each kind as a whole. `location` (google-speech) and `region` (azure-speech): where it "
        "computes.",
        {"stt": {"model": "telephony", "location": "eu"}},
    ),
    "AdminProvider.config": Text("`vendor`, options by kind, `quality`.", {"vendor": "openai", "llm": {"model": "m"}}),
    "VoiceProvider.config": Text("The workspace's own options by kind.", {"llm": {"model": "gpt-5.4-mini"}}),
    "VoiceProvider.options": Text("The options that may be set, by kind.", {"llm": ["model", "temperature"]}),
    "data_policy": Text("What the provider does with callers' data.", _POLICY),
    "cost_per_unit": Text(f"What it costs us in US dollars: {_COST}.", _PRICE),
    "AdminProvider.cost_per_unit": Text(f"What it costs us in US dollars: {_COST}.", _PRICE_VIEW),
    "UnitCostBody.unit": Text("What a price is of.", "minute"),
    "UnitCostView.unit": Text("What a price is of.", "minute"),
    "UnitCostView.price": Text("Of a unit; null for tokens.", 0.0048),
    "UnitCostBody.price": Text("Of a unit, in US dollars; not for tokens.", 0.0048),
    "input": Text("Of a million prompt tokens, in US dollars; null where there are none.", None),
    "cached_input": Text("Of a million cached tokens, in US dollars; null: as `input`.", None),
    "cache_write": Text("Of a million tokens written to the vendor's cache, in US dollars; null: as `input`.", None),
    "output": Text("Of a million completion tokens, in US dollars; null where there are none.", None),
    "health_status": Text("Of its worst role.", "healthy"),
    "last_check": Text("When it was last measured (UTC); null if never.", _WHEN),
    "RoleHealth.last_check": Text("When it was last measured (UTC).", _WHEN),
    "ProviderHealth.status": Text("Of its worst role.", "healthy"),
    "ProviderHealth.latency": Text("p50 in milliseconds, of its worst role; null: not known.", 310),
    "error_rate": Text("Share of calls or probes that failed, 0 to 1; null: too few to know.", 0.01),
    "last_probe": Text(
        "Newest probe of two days: `works`, `failed`, or `never` where none ran since key or settings changed.", "works"
    ),
    "ProviderHealth.since": Text("When the status began (UTC); null: never measured.", _WHEN),
    "RoleHealth.since": Text("When the status began (UTC).", _WHEN),
    "roles": Text("By role, from calls and probes apart."),
    "RoleHealth.role": Text("`stt`, `llm` or `tts`.", "llm"),
    "RoleHealth.source": Text("Where the figures come from.", "calls"),
    "RoleHealth.status": Text("What the figures say.", "healthy"),
    "requests": Text("Calls, or probes, that the figures rest on.", 120),
    "p50_ms": Text("Half of the answers began within so many milliseconds; null: not known.", 310),
    "p95_ms": Text("95 % of the answers began within so many milliseconds; null: not known.", 620),
    "total_cost": Text("The sum, in major units.", 12.5),
    "by_provider": Text("By provider, the highest cost first."),
    "ProviderCost.unit": Text("Of `total_usage`; null where units mix.", "minute"),
    "total_usage": Text("What was used, in `unit`; null where units mix.", 2_604.2),
    "avg_cost_per_unit": Text("Cost of one `unit`; null where units mix.", 0.0048),
    "unpriced": Text("Entries of the ledger without a known cost, which the sum lacks.", 0),
    "default_strategy": Text("The strategy of workspaces that have none of their own.", "balanced"),
    "fallback_chain": Text("Providers tried in this order after the first choice.", ["groq", "openai"]),
    "RoutingView.updated_at": Text("When it was last changed (UTC); null if never.", _WHEN),
    "strategy": Text("How providers are ordered.", "balanced"),
    "VoiceStrategyView.config": Text("What the strategy takes into account."),
    "VoiceStrategyChange.config": Text("Replaces what the strategy takes into account."),
    "fallback_enabled": Text("Whether a call goes on with another provider when the first one fails."),
    "is_own": Text("false: it is the platform's strategy."),
    "StrategyConfig.weights": Text("Of the strategy `balanced`; null: the usual ones."),
    "StrategyConfig.order": Text("With `priority`: these come first, in this order.", ["groq"]),
    "StrategyConfig.data": Text("What every provider must do with callers' data, or not do."),
    "WeightsConfig.cost": Text("Weight of the estimated price of a minute.", 1.0),
    "WeightsConfig.latency": Text("Weight of the measured time to the first useful unit.", 2.0),
    "WeightsConfig.quality": Text("Weight of the quality that the platform's staff attest.", 1.0),
    "regions": Text("Where data is processed.", ["eu"]),
    "on_platform": Text("Whether it runs on the platform's own machines; then it meets every demand."),
    "retention_days": Text("Days that data is kept, 0: not at all; null: not known.", 0),
    "max_retention_days": Text("Longest time that data is kept, in days; null: any.", 30),
    "no_training": Text("Whether data is never used to train models; null: not known."),
}
