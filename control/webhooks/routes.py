"""The addresses that carriers ask; what they say goes to the carrier's part."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry

from control.db.pool import Pool
from control.webhooks.background import Background
from control.webhooks.inbox import Inbox
from control.webhooks.leading import Leading, is_away
from control.webhooks.metrics import WebhookMetrics
from control.webhooks.options import WebhookOptions
from control.webhooks.ports import Rooms
from control.webhooks.shelf import Shelf
from control.webhooks.signatures import TelnyxKeys, TwilioTokens
from control.webhooks.telnyx import Step, TelnyxCalls
from control.webhooks.telnyx_event import KNOWN, Event
from control.webhooks.twilio import CONTINUE, TwilioCalls
from control.webhooks.twilio_form import Form, Kind, stored
from control.webhooks.twilio_notes import TwilioNotes, kind_of_status
from shared.errors import Problem, Unavailable
from shared.logs import told

OfTwilio = Callable[[Form, datetime], Awaitable[web.Response]]
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class WebhookRoute:
    """An address beside the API's, for its documents and tests."""

    method: str
    path: str
    summary: str
    beyond_spec: bool = False


INBOUND: Final = "/webhooks/calls/inbound"
STATUS: Final = "/webhooks/calls/status"
RECORDING: Final = "/webhooks/calls/recording"
WEBHOOK_ROUTES: Final = (
    WebhookRoute("POST", INBOUND, "A carrier has a call for us, or one of ours was picked up."),
    WebhookRoute("POST", STATUS, "A carrier tells how a call is doing."),
    WebhookRoute("POST", RECORDING, "A carrier has a recording of a call."),
    WebhookRoute("POST", CONTINUE, "Twilio asks what comes after a media stream.", beyond_spec=True),
)


class Webhooks:
    """Twilio and Telnyx are told apart by their signatures. Telnyx may send any event to any of the addresses."""

    def __init__(
        self,
        pool: Pool,
        services: Rooms,
        options: WebhookOptions,
        *,
        registry: CollectorRegistry | None = None,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        """registry: the API's, for our figures. Raises ValueError for a public key that is none."""
        self._options, self._clock = options, clock or _now
        self._metrics = WebhookMetrics(registry)
        self._inbox = Inbox(
            options,
            TwilioTokens(options.twilio_tokens, required=options.require_twilio_signature),
            TelnyxKeys(options.telnyx_public_keys),
            self._metrics,
        )
        leading = Leading(pool, services, self._metrics, options.connect_s)
        # Longer than the commands may take: what they came to is written down afterwards.
        self._background = Background(longest_s=options.commands_s + 4)
        self._twilio = TwilioCalls(leading, options, self._background)
        self._notes = TwilioNotes(leading)
        self._shelf = Shelf(leading, options.connect_s)
        self._telnyx = TelnyxCalls(leading, over_wait_s=options.over_wait_s, commands_s=options.commands_s)

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Beside the routes of the API, behind the same edge."""
        for path, handler in (
            (INBOUND, self._inbound),
            (STATUS, self._status),
            (RECORDING, self._recording),
            (CONTINUE, self._continued),
        ):
            router.add_post(path, self._read_for(handler))

    async def close(self) -> None:
        """Before the pool closes: what goes on in the background is waited for, some seconds at most."""
        await self._background.close()

    def _read_for(self, twilio: OfTwilio) -> Callable[[web.Request], Awaitable[web.Response]]:
        """A handler of an address: Telnyx's events are the same at all of them, `twilio` answers Twilio's form."""

        async def handle(request: web.Request) -> web.Response:
            now = self._clock()
            said = await self._inbox.read(request, now)
            return await (self._take_event(said, now) if isinstance(said, Event) else twilio(said, now))

        return handle

    async def _inbound(self, form: Form, now: datetime) -> web.Response:
        """Answered with TwiML, whatever happens on our side."""
        return self._twiml("inbound", await self._twilio.arrived(form, now))

    async def _continued(self, form: Form, now: datetime) -> web.Response:
        """As `_inbound`."""
        return self._twiml("continue", await self._twilio.went_on(form, now))

    async def _status(self, form: Form, now: datetime) -> web.Response:
        """States of calls, and the word of answering-machine detection."""
        return await self._take_note(kind_of_status(form), form, now)

    async def _recording(self, form: Form, now: datetime) -> web.Response:
        """Recordings that the carrier made."""
        return await self._take_note("recording", form, now)

    async def _take_note(self, kind: Kind, form: Form, now: datetime) -> web.Response:
        try:
            outcome = await self._noted(kind, form, now)
        except Exception as error:
            if not is_away(error) or not await self._shelf.put(stored(kind, form), now):
                raise
            log.warning("webhook.put_by", carrier="twilio", kind=kind)
            outcome = "put_by"
        self._metrics.taken.labels("twilio", kind, outcome).inc()
        return web.Response(status=204)

    async def _noted(self, kind: Kind, form: Form, now: datetime) -> str:
        async with asyncio.timeout(self._options.deadline_s):
            try:
                return await self._notes.take(kind, form, now)
            except Exception as error:  # sent again, it would only break again: it is kept, and looked at later
                _require_ours(error, "twilio", kind)
                await self._notes.keep_open(kind, form, now)
                return "broken"

    async def _take_event(self, event: Event, now: datetime) -> web.Response:
        if event.type not in KNOWN or not event.is_usable:
            self._metrics.taken.labels("telnyx", "other", "passed_over").inc()
            return web.Response(status=200)
        outcome, step = await self._store_event(event, now)
        self._metrics.taken.labels("telnyx", event.type, outcome).inc()
        if step is not None:
            task = self._background.start(event.type, self._telnyx.carry_out(event, step, now))
            if task is not None:
                await asyncio.wait({task}, timeout=self._options.inline_s)
        return web.Response(status=200)

    async def _store_event(self, event: Event, now: datetime) -> tuple[str, Step | None]:
        try:
            async with asyncio.timeout(self._options.deadline_s):
                return await self._telnyx.take(event, now)
        except Exception as error:  # sent again, it would only break again: it is kept, and looked at later
            _require_ours(error, "telnyx", event.type)
            if event.type == "call.recording.saved":
                # Its address is not kept, so that it has to come again.
                raise Unavailable("Something went wrong on our side. Send it again.") from error
            await self._telnyx.keep_open(event, now)
            return "broken", None

    def _twiml(self, kind: Kind, text: str) -> web.Response:
        self._metrics.taken.labels("twilio", kind, "answered").inc()
        return web.Response(text=text, content_type="text/xml", charset="utf-8")


def _require_ours(error: Exception, carrier: str, kind: str) -> None:
    """Logs a fault of our program's. What is the database's, or somebody's who is told, goes on: 503 at the edge."""
    if isinstance(error, Problem) or is_away(error):
        raise error
    log.error("webhook.broke_off", carrier=carrier, kind=kind, **told(error))


def _now() -> datetime:
    return datetime.now(UTC)
