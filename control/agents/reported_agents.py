"""What customers' systems are told of an agent."""

from datetime import datetime

from control.agents.model import VoiceAgent
from control.db.pool import Connection
from control.outbound_webhooks.event_types import AgentEventData, EventType
from control.outbound_webhooks.service import ReportedFact, report_facts


async def report_agent(db: Connection, type_: EventType, agent: VoiceAgent, now: datetime) -> None:
    """Stores the event of a change, in its transaction. agent: after the change; as it was, if it is deleted."""
    data = AgentEventData(agent.id, agent.content.name, agent.status, agent.version)
    await report_facts(db, [ReportedFact(agent.workspace_id, type_, agent.id, now, data)])
