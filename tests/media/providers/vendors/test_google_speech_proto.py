"""Our excerpt of Google's messages is what Google publishes with its SDK, field by field."""

from typing import Any

import pytest
from google.cloud.speech_v2.types import cloud_speech
from google.cloud.texttospeech_v1.types import cloud_tts

from vendors.google_speech import google_speech_pb2 as pb

MESSAGES = pb.DESCRIPTOR.message_types_by_name
ENUMS = pb.DESCRIPTOR.enum_types_by_name


def published(name: str) -> Any:
    """The message or enumeration of this name in the SDK."""
    return getattr(cloud_speech, name, None) or getattr(cloud_tts, name)


def compare_messages(ours: Any, theirs: Any) -> None:
    for field in ours.fields:
        other = theirs.fields_by_name[field.name]
        assert (field.number, field.type, field.is_repeated) == (other.number, other.type, other.is_repeated), field
        if field.message_type is not None and not field.message_type.full_name.startswith("google."):
            assert field.message_type.name == other.message_type.name
        if field.enum_type is not None:
            compare_enums(field.enum_type, other.enum_type)
    for name, nested in ours.nested_types_by_name.items():
        compare_messages(nested, theirs.nested_types_by_name[name])


def compare_enums(ours: Any, theirs: Any) -> None:
    known = {value.name: value.number for value in theirs.values}
    assert {value.name: value.number for value in ours.values}.items() <= known.items()


@pytest.mark.parametrize("name", MESSAGES)
def test_fields_have_the_published_numbers_and_types(name: str) -> None:
    compare_messages(MESSAGES[name], published(name).pb().DESCRIPTOR)


@pytest.mark.parametrize("name", ENUMS)
def test_values_have_the_published_numbers(name: str) -> None:
    theirs = published(name)
    assert all(theirs[value.name] == value.number for value in ENUMS[name].values)
