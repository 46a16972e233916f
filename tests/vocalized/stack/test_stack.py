"""Which processes the platform can do without."""

from functools import partial
from pathlib import Path

import pytest

from vocalized.stack.ports import Ports
from vocalized.stack.stack import Stack

PORTS = Ports(control=1, worker=2, carrier=3, media=(4, 5))


def stack(**codes: int | None) -> Stack:
    parts = {"api": None, "media-1": None, "media-2": None} | {
        name.replace("_", "-"): exit_code for name, exit_code in codes.items()
    }
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
def test_only_a_media_node_can_be_replaced(ended: Stack, dead: str | None) -> None:
    assert ended.failed == dead


def test_ended_processes_are_named() -> None:
    assert stack(media_1=-9).ended == ["media-1"]
