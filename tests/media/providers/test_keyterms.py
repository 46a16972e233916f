"""The call's keyterms as options of recognizers that take them."""

import msgspec
import pytest
from msgspec import Struct

from media.command import VENDORS
from media.providers.factory import _add_keyterms
from media.providers.ports import SpeechToText
from media.providers.vendor import Adapter
from shared.providers.facts import KeytermOption
from vendors.cartesia.facts import CartesiaSpeechToTextOptions
from vendors.deepgram.facts import DeepgramSpeechToTextOptions

OPTION = KeytermOption("keyterm", ("x",), most=3, most_characters=12, longest=8)


def recognizer(vendor: str) -> Adapter[SpeechToText]:
    found = next(one.stt for one in VENDORS if one.name == vendor)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("own", "terms", "expected"),
    [
        ([], ["one", "two"], ["one", "two"]),
        (["mine"], ["one", "two", "six"], ["mine", "one", "two"]),  # three at most
        (["mine"], ["Mine", "one"], ["mine", "one"]),
        ([], ["123456789", "one"], ["one"]),  # one is too long by itself
        ([], ["12345678", "123456", "1234"], ["12345678", "1234"]),  # one that does not fit makes room for a shorter
    ],
)
def test_as_many_fit_as_the_vendor_takes(own: list[str], terms: list[str], expected: list[str]) -> None:
    assert OPTION.add({"keyterm": own, "model": "x1"}, terms) == {"keyterm": expected, "model": "x1"}


@pytest.mark.parametrize(
    ("vendor", "options", "has_keyterms"),
    [
        ("deepgram", DeepgramSpeechToTextOptions(model="nova-3"), True),
        ("deepgram", DeepgramSpeechToTextOptions(model="flux-general-en"), True),
        ("deepgram", DeepgramSpeechToTextOptions(model="nova-2"), False),
        ("cartesia", CartesiaSpeechToTextOptions(model="ink-2"), True),
        ("cartesia", CartesiaSpeechToTextOptions(model="ink-whisper"), False),
    ],
)
def test_only_models_that_take_keyterms_get_them(vendor: str, options: Struct, has_keyterms: bool) -> None:
    made = _add_keyterms(recognizer(vendor), options, ["Okonkwo"])
    assert made == (msgspec.structs.replace(options, keyterm=("Okonkwo",)) if has_keyterms else options)


def test_the_most_keyterms_are_options_that_the_vendor_accepts() -> None:
    terms = [f"{number:060}" for number in range(100)]
    for vendor, options in (("deepgram", DeepgramSpeechToTextOptions()), ("cartesia", CartesiaSpeechToTextOptions())):
        adapter = recognizer(vendor)
        made = _add_keyterms(adapter, options, terms)
        assert adapter.keyterms is not None
        assert sum(map(len, msgspec.to_builtins(made)["keyterm"])) <= adapter.keyterms.most_characters


def test_recognizers_without_keyterms_are_left_alone() -> None:
    adapter = recognizer("standin")
    options = adapter.options()
    assert _add_keyterms(adapter, options, ["Okonkwo"]) is options
