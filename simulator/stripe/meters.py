"""Operations on meters and their events (docs.stripe.com/billing/subscriptions/usage-based/recording-usage-api)."""

from typing import Any, Final

from simulator.stripe.account import StripeAccount, StripeObject, read_integer, read_text
from simulator.stripe.errors import StripeFailure, invalid_parameter

_DAY_S: Final = 86_400
_LONGEST_PAST_S: Final = 35 * _DAY_S
_LONGEST_FUTURE_S: Final = 300
# Minimum time for which identifiers must be unique.
_UNIQUE_S: Final = _DAY_S


def create_meter(account: StripeAccount, params: StripeObject) -> StripeObject:
    """Create a meter.

    With event_time_window "day" or "hour", only the newest event of each window counts. Without it, all events count.
    """
    name = read_text(params, "event_name")
    if any(one["event_name"] == name for one in account.all("billing.meter")):
        raise StripeFailure(f"An active meter with the event name {name} exists already.", param="event_name")
    fields = {name: params.get(name) for name in ("display_name", "event_time_window", "default_aggregation")}
    return account.add("mtr", "billing.meter", {**fields, "event_name": name, "status": "active"})


def create_meter_event(account: StripeAccount, params: StripeObject) -> StripeObject:
    """Create a meter event. Customers are not checked: Stripe reports an unknown customer later, by a thin event."""
    name = read_text(params, "event_name")
    payload: dict[str, Any] = params.get("payload", {})
    if not any(one["event_name"] == name for one in account.all("billing.meter")):
        raise StripeFailure(f"No active meter found for event name {name}", code="resource_missing")
    read_text(payload, "stripe_customer_id")
    if not read_text(payload, "value").lstrip("-").isdigit():
        raise invalid_parameter("The value must be a whole number.", "payload[value]")
    at = read_integer(params, "timestamp", int(account.now))
    if not account.now - _LONGEST_PAST_S <= at <= account.now + _LONGEST_FUTURE_S:
        raise invalid_parameter("The timestamp must be within the past 35 days or 5 minutes ahead.", "timestamp")
    identifier = read_text(params, "identifier")
    since = account.now - _UNIQUE_S
    if any(one["identifier"] == identifier and one["created"] > since for one in account.all("billing.meter_event")):
        raise StripeFailure(f"An event already exists with identifier {identifier}.", param="identifier")
    fields = {"event_name": name, "payload": payload, "identifier": identifier, "timestamp": at}
    return account.add("mtrevt", "billing.meter_event", fields)


def meter_days(account: StripeAccount, customer_id: str) -> dict[int, int]:
    """Return a customer's values on a daily meter by day since 1970. The newest event of each day counts."""
    newest: dict[int, tuple[int, int]] = {}
    for one in account.all("billing.meter_event"):
        day = one["timestamp"] // _DAY_S
        if one["payload"]["stripe_customer_id"] == customer_id:
            newest[day] = max(newest.get(day, (0, 0)), (one["timestamp"], int(one["payload"]["value"])))
    return {day: value for day, (_, value) in newest.items()}
