"""Features of the rules that replace a language model; no options and no I/O."""

from typing import Final

from shared.providers.facts import ModelFacts, VendorFacts
from shared.providers.options import (
    EmptyOptions,
)

# The rules answer from the prompt alone and use no tokens.
_SERVICES: Final = (ModelFacts("rules", ("",), tells_cached=False),)

FACTS: Final = VendorFacts(options={"llm": ()}, schemas={"llm": EmptyOptions}, services={"llm": _SERVICES})
