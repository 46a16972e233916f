"""Detects whether the agent asks for a name or an address. Pure."""

import re
from typing import Final

from media.turn.expected_reply import asked_sentence

_NAMES: Final = re.compile(
    r"\b("
    r"(first |last |sur|full )?names?|(street |home |delivery )?address|street|road|city|town|where (do you live|to)|"
    r"(vor|nach)?namen?|heißen|adresse|anschrift|straße|stadt|(wohn)?ort|wo wohnen|"
    r"nombres?|apellidos?|se llama|dirección|domicilio|calle|ciudad|dónde vive|"
    r"(pré)?noms?|vous appelez|rue|ville|où habitez"
    r")\b"
)


def asks_for_names(agent_text: str) -> bool:
    """Return whether the last question or request asks for a name or an address. English, German, Spanish and
    French."""
    return _NAMES.search(asked_sentence(agent_text)) is not None
