"""What the properties of the API's schemas mean, by name: a name means the same in each schema that has it.

A meaning that a property has in one schema only stands in its class's docstring ("start_ms: since the call began.") or
in pydantic's `Field(description=…, examples=[…])`; an entry "Schema.name" here goes before both."""

from collections.abc import Iterable, Mapping
from typing import Final

from control.api.property_texts.accounts import ACCOUNTS
from control.api.property_texts.agents import AGENTS
from control.api.property_texts.analytics import ANALYTICS
from control.api.property_texts.api_keys import API_KEYS
from control.api.property_texts.billing import BILLING
from control.api.property_texts.calls import CALLS
from control.api.property_texts.campaigns import CAMPAIGNS
from control.api.property_texts.common import COMMON
from control.api.property_texts.integrations import INTEGRATIONS
from control.api.property_texts.knowledge import KNOWLEDGE
from control.api.property_texts.numbers import NUMBERS
from control.api.property_texts.privacy import PRIVACY
from control.api.property_texts.staff import STAFF
from control.api.property_texts.tools import TOOLS
from control.api.property_texts.voice import VOICE
from control.api.property_texts.webhooks import WEBHOOKS
from control.http.api_reference import PropertyText


def _joined(tables: Iterable[Mapping[str, PropertyText]]) -> dict[str, PropertyText]:
    """Raises ValueError for a name with two meanings."""
    texts: dict[str, PropertyText] = {}
    for table in tables:
        if doubled := texts.keys() & table.keys():
            raise ValueError(f"described twice: {sorted(doubled)}")
        texts |= table
    return texts


PROPERTY_TEXTS: Final = _joined(
    [
        COMMON, ACCOUNTS, AGENTS, ANALYTICS, API_KEYS, BILLING, CALLS, CAMPAIGNS, INTEGRATIONS, KNOWLEDGE,
        NUMBERS,
        PRIVACY, STAFF, TOOLS, VOICE, WEBHOOKS,
    ]
)  # fmt: skip
