"""Options by kind, as staff and customers set them."""

from typing import Any

import pytest

from control.voice.provider_config import require_options
from shared.errors import Invalid

ALLOWED = {"llm": ("model",), "stt": ("model", "keyterm")}


@pytest.mark.parametrize(
    ("config", "param"),
    [
        ({"tts": {}}, "config.tts"),
        ({"llm": "tiny"}, "config.llm"),
        ({"llm": {"voice": "x"}}, "config.llm.voice"),
        ({"llm": {"model": {"a": 1}}}, "config.llm.model"),
        ({"llm": {"model": "x" * 501}}, "config.llm.model"),
        ({"stt": {"base_url": "https://x.example"}}, "config.stt.base_url"),
    ],
)
def test_what_is_no_option_is_named(config: dict[str, Any], param: str) -> None:
    with pytest.raises(Invalid) as raised:
        require_options(config, ALLOWED, address_kinds=("llm",))
    assert (raised.value.code, raised.value.param) == ("option_unknown", param)


def test_options_and_addresses_of_the_kinds_that_have_one() -> None:
    config = {"vendor": "acme", "llm": {"base_url": "https://x.example"}, "stt": {"keyterm": ["a"]}}
    require_options(config, ALLOWED, address_kinds=("llm",))
