"""What the rules in a language model's place can do; they take no options; pure."""

from typing import Final

from shared.providers.facts import ModelFacts, VendorFacts
from shared.providers.options import (
    EmptyOptions,
)

# It answers from the prompt alone, and costs no tokens.
_SERVICES: Final = (ModelFacts("rules", ("",), tells_cached=False),)

FACTS: Final = VendorFacts(options={"llm": ()}, schemas={"llm": EmptyOptions}, services={"llm": _SERVICES})
