"""Merge Patch: the RFC's examples for objects, and its properties."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.agents.rules import merge_patch

names = st.sampled_from(["a", "b", "c"])
leaves = st.none() | st.booleans() | st.integers() | st.text("xy", max_size=2) | st.lists(st.integers(), max_size=2)
trees: st.SearchStrategy[Any] = st.recursive(leaves, lambda inner: st.dictionaries(names, inner), max_leaves=12)
objects = st.dictionaries(names, trees)


@pytest.mark.parametrize(
    ("base", "patch", "merged"),
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
def test_the_examples_of_rfc_7396(base: dict[str, Any], patch: dict[str, Any], merged: dict[str, Any]) -> None:
    assert merge_patch(base, patch) == merged


@given(objects, objects)
def test_merge_is_pure_and_idempotent(base: dict[str, Any], patch: dict[str, Any]) -> None:
    before = copy.deepcopy((base, patch))
    merged = merge_patch(base, patch)
    assert (base, patch) == before
    assert merge_patch(merged, patch) == merged


@given(objects, objects)
def test_each_merged_field_comes_from_one_side(base: dict[str, Any], patch: dict[str, Any]) -> None:
    merged = merge_patch(base, patch)
    assert merged.keys() == (base.keys() | patch.keys()) - {name for name, value in patch.items() if value is None}
    for name, value in merged.items():
        if name not in patch:
            assert value == base[name]
        elif not isinstance(value, dict):
            assert value == patch[name]


@given(objects)
def test_merge_into_nothing_drops_nulls(patch: dict[str, Any]) -> None:
    assert merge_patch({}, patch) == _without_nulls(patch)
    assert merge_patch(patch, {}) == patch


def _without_nulls(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: _without_nulls(item) for name, item in value.items() if item is not None}
