"""A Stripe meter as a sink of usage.

The meter must be one by the day (`event_time_window` is `day`), of which Stripe counts only the newest event of each
day (docs.stripe.com/billing/subscriptions/usage-based/meters/configure). So each event carries the day's whole total: a
repetition counts nothing twice, however late it comes, and a total may become less.
"""

from datetime import UTC, datetime, time, timedelta

from control.billing.sinks import UsageReading
from control.billing.stripe_client import DuplicateObject, StripeApi, call_stripe


class StripeMeter:
    """A UsageSink. event_name: of the meter."""

    def __init__(self, api: StripeApi, event_name: str) -> None:
        self._api, self._event_name = api, event_name

    async def record_usage(self, reading: UsageReading) -> None:
        """An identifier that Stripe has already is answered with 400: then the reading has arrived before."""
        identifier = f"{reading.workspace_id}-{reading.day}-{reading.revision}"
        # Each revision is a second later, so that it is the newest event of the day.
        at = datetime.combine(reading.day, time(), UTC) + timedelta(seconds=reading.revision)
        try:
            await call_stripe(
                lambda: self._api.v1.billing.meter_events.create_async(
                    {
                        "event_name": self._event_name,
                        "payload": {"stripe_customer_id": reading.customer_id, "value": str(reading.seconds)},
                        "identifier": identifier,
                        "timestamp": int(at.timestamp()),
                    }
                )
            )
        except DuplicateObject:
            return
