"""Conferences (API reference: Conference Commands): created with a first participant, joined by a second."""

import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from simulator.carrier.network.conferences import Conference, ConferenceFull
from simulator.carrier.network.telnyx.calls import Calls
from simulator.carrier.network.telnyx.errors import ended, invalid, not_answered, not_found
from simulator.carrier.network.telnyx.events import TelnyxWebhooks, iso
from simulator.carrier.network.telnyx.fields import Body, client_state, required, text
from simulator.carrier.network.telnyx.leg import Leg, publish_event

_LONGEST = timedelta(hours=4)


@dataclass(slots=True, eq=False, kw_only=True)
class TelnyxConference:
    """A conference in the API's format."""

    name: str
    connection_id: str
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    lines: Conference = field(default_factory=Conference)

    def to_json(self) -> dict[str, object]:
        """Return the object `conference`."""
        return {
            "record_type": "conference",
            "id": self.id,
            "name": self.name,
            "connection_id": self.connection_id,
            "created_at": iso(self.created_at),
            "updated_at": iso(self.created_at),
            "expires_at": iso(self.created_at + _LONGEST),
            "region": "US",
            "status": "completed" if self.lines.over.is_set() else "in_progress",
        }


class TelnyxConferences:
    """The account's conferences. A participant who leaves ends the conference without hanging up anybody, like
    `end_conference_on_exit` at Telnyx.
    """

    def __init__(self, calls: Calls, webhooks: TelnyxWebhooks) -> None:
        self._calls, self._webhooks = calls, webhooks
        self._by_id: dict[str, TelnyxConference] = {}
        self._by_command: dict[str, TelnyxConference] = {}

    def create(self, body: Body) -> TelnyxConference:
        """Create a conference with one leg (POST /conferences). Raises TelnyxError.

        A repeated command_id returns the existing conference.
        """
        command_id = text(body, "command_id")
        known = self._by_command.get(command_id) if command_id else None
        if known is not None:
            return known
        leg, name = self._participant(body), required(body, "name")
        conference = TelnyxConference(name=name, connection_id=leg.connection_id)
        self._by_id[conference.id] = conference
        if command_id:
            self._by_command[command_id] = conference
        self._enter(conference, leg, body)
        return conference

    def join(self, conference_id: str, body: Body) -> None:
        """Add a leg to a conference (POST /conferences/{id}/actions/join). Raises TelnyxError."""
        conference = self._by_id.get(conference_id)
        if conference is None:
            raise not_found()
        command_id = text(body, "command_id")
        if self._calls.leg(required(body, "call_control_id")).repeated(command_id):
            return
        leg = self._participant(body)
        if conference.lines.over.is_set():
            raise ended()
        if conference.lines.second is not None:
            raise invalid("call_control_id", "A conference of this network has two participants.")
        self._enter(conference, leg, body)
        leg.remember(command_id)

    def _participant(self, body: Body) -> Leg:
        leg = self._calls.leg(required(body, "call_control_id"))
        if not leg.alive:
            raise ended()
        if leg.up is None:
            raise not_answered()
        if leg.bridged:
            raise invalid("call_control_id", "The call is bridged.")
        return leg

    def _enter(self, conference: TelnyxConference, leg: Leg, body: Body) -> None:
        leg.client_state = client_state(body) or leg.client_state
        leg.bridged, leg.stream, leg.sounding = True, None, False
        if leg.line is not None:
            leg.line.interrupt()
        leg.spawn(self._take_part(conference, leg), "telnyx conference")

    async def _take_part(self, conference: TelnyxConference, leg: Leg) -> None:
        async with leg.line_lock:
            line = leg.up
            if line is None:
                conference.lines.over.set()
                return
            publish_event(self._webhooks, leg, "conference.participant.joined", conference_id=conference.id)
            with suppress(ConferenceFull):
                await conference.lines.join(line)
        leg.bridged = False
        publish_event(self._webhooks, leg, "conference.participant.left", conference_id=conference.id)
