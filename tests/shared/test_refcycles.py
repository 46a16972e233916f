"""Reference cycles that are broken by hand."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from shared.refcycles import break_cycle, without_traceback


class Node:
    """Refers to another node, or to itself."""

    default: "Node | None" = None

    def __init__(self) -> None:
        self.peer: Node | None = None


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_objects_of_a_broken_cycle_are_freed_at_once() -> None:
    first, second = Node(), Node()
    first.peer, second.peer = second, first
    freed = [weakref.ref(first), weakref.ref(second)]
    break_cycle(first, "peer")
    del first, second
    assert [node() for node in freed] == [None, None]


def test_attribute_with_a_class_default_reads_as_the_default() -> None:
    node = Node()
    node.default = node
    break_cycle(node, "default")
    assert node.default is None


def test_missing_attribute_is_an_error() -> None:
    with pytest.raises(AttributeError):
        break_cycle(Node(), "no_such_name")


def test_error_without_frames_does_not_hold_the_variables_of_its_frames() -> None:
    errors: list[BaseException] = []

    def fail() -> "weakref.ref[Node]":
        node = Node()
        try:
            raise ValueError("no")
        except ValueError as error:
            errors.append(without_traceback(error))
        return weakref.ref(node)

    assert fail()() is None
    assert str(errors[0]) == "no"
