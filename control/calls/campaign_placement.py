"""Places the calls of campaigns, by the rules of all outbound calls."""

from datetime import datetime
from uuid import UUID

from control.calls.outbound import CallRequest
from control.calls.service import Calls
from control.campaigns.tasks import CampaignCall, PlaceCall
from control.db.pool import Connection
from control.platform.audit import Actor


def make_campaign_placer(calls: Calls) -> PlaceCall:
    """What the dispatcher places calls by. It raises what Calls.place raises."""

    async def place(db: Connection, call: CampaignCall, now: datetime) -> UUID:
        request = CallRequest(
            workspace_id=call.workspace_id,
            agent_id=call.agent_id,
            number=call.phone_number,
            is_test=False,
            variables=call.variables,
            agent_version=call.agent_version,
            number_ids=call.number_ids,
        )
        return await calls.place(db, Actor("system"), request, now)

    return place
