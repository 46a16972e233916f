"""Properties of analytics."""

from typing import Final

from control.http.api_reference import PropertyText as Text

ANALYTICS: Final = {
    "first_day": Text("The first day of the figures.", "2026-11-01"),
    "last_day": Text("The last day of the figures.", "2026-11-26"),
    "AgentCallsView.calls": Text("Number of the agent's calls.", 57),
    "AgentFiguresView.agent_id": Text("Id of the agent."),
    "LocalHourView.calls": Text("Number of calls that began in that hour.", 31),
    "LocalHourView.hour": Text("Hour of the day in the workspace's time zone, 0 to 23.", 14),
    "calls_by_status": Text("Number of calls by status.", {"completed": 105, "no_answer": 23}),
    "calls_by_direction": Text("Number of calls by direction.", {"inbound": 120, "outbound": 8}),
    "calls_by_agent": Text("Number of calls by agent."),
    "sentiment_distribution": Text(
        "Number of calls by sentiment; `unknown` have none.",
        {"positive": 60, "neutral": 40, "negative": 5, "unknown": 23},
    ),
    "judged_calls": Text("Number of calls whose success is known.", 90),
    "success_rate": Text(
        "Share of the calls whose success is known that were successful, 0 to 1; null without such.", 0.91
    ),
    "AgentFiguresView.sentiment_score": Text("Average of the calls' scores, -1 to 1; null without such.", 0.42),
    "AgentFiguresView.avg_duration": Text("Seconds of a call, on average; null without calls.", 94.2),
    "current_period_cost": Text("usage_billed and fees_accrued of the range of days, in major units.", 61.25),
    "ChargeOverviewView.credits": Text("What invoices took from credits, negative, in major units.", -20.0),
    "PlatformFiguresView.credits": Text("What invoices took from credits, negative, in major units.", -20.0),
    "CostOverviewView.credits": Text("What invoices took from credits, negative, in major units.", -20.0),
    "PlatformFiguresView.unpriced": Text("Entries of calls without a known cost, which count as 0.", 0),
    "CostOverviewView.unpriced": Text("Entries of calls without a known cost, which count as 0.", 0),
    "WorkspaceMarginView.unpriced": Text("Entries of calls without a known cost, which count as 0.", 0),
    "ProviderMarginView.unpriced": Text("Entries of calls without a known cost, which count as 0.", 0),
    "by_resource": Text("By resource, the most expensive first."),
    "ResourceChargeView.quantity": Text("How much was consumed, in the resource's unit.", 7_704),
    "ResourceChargeView.cost": Text("Charged for it, in major units.", 12.25),
    "DailyChargeView.date": Text("The day.", "2026-11-26"),
    "DailyChargeView.cost": Text("Charged on it, in major units.", 2.1),
    "trend": Text("Each day of the range, in order."),
    "ChargeOverviewView.unpriced": Text("Entries of the ledger without a known price, which the sum lacks.", 0),
    "WorkspaceRankingView.workspaces": Text("The workspaces, the first in the wanted order."),
    "profit_margin": Text(
        "Share of the revenue that is left after the cost; null without revenue, or while costs are unknown.", 0.38
    ),
    "margin": Text(
        "Share of the revenue that is left after the cost; null without revenue, or while costs are unknown.", 0.38
    ),
    "top_workspaces": Text("The workspaces with the highest revenue."),
    "ProviderFiguresView.success_rate": Text(
        "Share of the calls in which it did not fail, 0 to 1; null where failures are not known.", 0.997
    ),
    "avg_latency": Text("p50 in ms of its slowest role; null where none was measured.", 310),
    "latency_by_role": Text("p50 in ms by role.", {"stt": 120, "tts": 310}),
    "ProviderFiguresView.total_cost": Text("What it cost us, in major units.", 12.5),
    "revenue_generated": Text("Its share of what the calls are billed, split by cost, in major units.", 55.1),
    "ProviderMarginView.cost": Text("What it cost us, in major units.", 12.5),
    "ProviderMarginView.revenue": Text("Its share of what the calls are billed, split by cost, in major units.", 55.1),
    "WorkspaceMarginView.cost": Text("What the workspace cost us, in major units.", 12.5),
    "WorkspaceMarginView.revenue": Text("usage_billed and fees_accrued of the workspace, in major units.", 55.1),
    "PlatformFiguresView.total_cost": Text("What providers and carriers cost us, in major units.", 930.1),
    "CostOverviewView.total_cost": Text("What providers and carriers cost us, in major units.", 930.1),
    "by_workspace": Text("The workspaces that cost most, the first one most."),
}
