"""The table of webhook sources. A new source is a folder beside `twilio/` and its name in SOURCES."""

from typing import Final

from control.webhooks.parts import SourceDefinition
from control.webhooks.stripe.source import STRIPE
from control.webhooks.telnyx.source import TELNYX
from control.webhooks.twilio.source import TWILIO

# Where several sources share an address, the first one whose reader claims a request takes it; a request that none
# claims is the first source's.
SOURCES: Final[tuple[SourceDefinition, ...]] = (TELNYX, TWILIO, STRIPE)
WEBHOOK_ROUTES: Final = tuple(dict.fromkeys(route for source in SOURCES for route in source.routes))
