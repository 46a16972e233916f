"""Which parts may end by themselves without the platform being none any more."""

from functools import partial
from pathlib import Path

import pytest

from vocalized.stack import Stack
from vocalized.surroundings import Ports

PORTS = Ports(control=1, worker=2, carrier=3, media=(4, 5))


def stack(**codes: int | None) -> Stack:
    parts = {"api": None, "media-1": None, "media-2": None} | {name.replace("_", "-"): it for name, it in codes.items()}
    return Stack(Path(), PORTS, {}, "", {name: partial(int_or_none, code) for name, code in parts.items()})


def int_or_none(code: int | None) -> int | None:
    return code


@pytest.mark.parametrize(
    ("ended", "dead"),
    [
        (stack(), None),
        (stack(media_1=-9), None),
        (stack(media_1=-9, media_2=0), "media-1"),
        (stack(api=1), "api"),
        (stack(media_2=0, api=1), "api"),
    ],
)
def test_a_media_node_is_replaced_by_another_and_nobody_else_is(ended: Stack, dead: str | None) -> None:
    assert ended.dead == dead


def test_who_ended_is_told() -> None:
    assert stack(media_1=-9).ended == ["media-1"]
