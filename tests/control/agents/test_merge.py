"""Merge Patch: the examples of its RFC that fit objects, and its laws."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.agents.merge import merge

names = st.sampled_from(["a", "b", "c"])
leaves = st.none() | st.booleans() | st.integers() | st.text("xy", max_size=2) | st.lists(st.integers(), max_size=2)
trees: st.SearchStrategy[Any] = st.recursive(leaves, lambda inner: st.dictionaries(names, inner), max_leaves=12)
objects = st.dictionaries(names, trees)


@pytest.mark.parametrize(
    ("base", "over", "merged"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_the_examples_of_rfc_7396(base: dict[str, Any], over: dict[str, Any], merged: dict[str, Any]) -> None:
    assert merge(base, over) == merged


@given(objects, objects)
def test_both_sides_stay_as_they_are_and_a_second_time_changes_nothing(
    base: dict[str, Any], over: dict[str, Any]
) -> None:
    kept = copy.deepcopy((base, over))
    once = merge(base, over)
    assert (base, over) == kept
    assert merge(once, over) == once


@given(objects, objects)
def test_each_field_comes_from_the_one_or_the_other(base: dict[str, Any], over: dict[str, Any]) -> None:
    merged = merge(base, over)
    assert merged.keys() == (base.keys() | over.keys()) - {name for name, value in over.items() if value is None}
    for name, value in merged.items():
        if name not in over:
            assert value == base[name]
        elif not isinstance(value, dict):
            assert value == over[name]


@given(objects)
def test_an_object_laid_over_nothing_is_itself_without_its_nulls(over: dict[str, Any]) -> None:
    assert merge({}, over) == _without_nulls(over)
    assert merge(over, {}) == over


def _without_nulls(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: _without_nulls(item) for name, item in value.items() if item is not None}
