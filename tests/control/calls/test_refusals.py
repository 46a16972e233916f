"""The table of refusals."""

from typing import get_args

import pytest

from control.calls.announcements import make_refusal
from control.calls.records.refusals import REFUSALS, RefusalReason

SILENT = {"blocked", "code_call"}


def test_each_reason_has_a_rule() -> None:
    assert tuple(REFUSALS) == get_args(RefusalReason)


@pytest.mark.parametrize("language", ["en-GB", "de-CH", "es", "fr-FR", "pl"])
@pytest.mark.parametrize("reason", REFUSALS)
def test_each_spoken_refusal_has_words_in_each_language(reason: RefusalReason, language: str) -> None:
    refused = make_refusal(reason, language)
    assert bool(refused.announcement) == (reason not in SILENT)
    assert refused.language == ("en" if language == "pl" else language)
