"""JSON of others, however it is made."""

import msgspec
import pytest
from msgspec import Struct

from shared.json_text import decode_json


class Sample(Struct):
    """A number."""

    number: int


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b'{"number":"1"}', b'{"number":1,"other":' + b"[" * 5_000 + b"]" * 5_000 + b"}", b"[" * 100_000],
)
def test_whatever_cannot_be_read_raises_one_kind_of_error(text: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_json(text, Sample)


def test_fields_that_are_not_known_are_skipped() -> None:
    assert decode_json(b'{"number":7,"other":[[1]]}', type=Sample) == Sample(7)
