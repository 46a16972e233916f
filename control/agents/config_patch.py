"""The types of changes of an agent's config, for the API's documentation: JSON Merge Patch, which `merge.py` applies.

Requests are checked after the merge, as an AgentConfig."""

from functools import reduce
from operator import or_
from types import GenericAlias, UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.fields import FieldInfo

from control.agents.config import AgentConfig
from control.agents.config_part import ConfigPart
from control.agents.option_types import Options


def make_patch_model(model: type[ConfigPart]) -> type[BaseModel]:
    """The model of a change: the same fields, each optional, and null removes one. Parts are merged and may be changed
    in part, too; a list replaces the one before."""
    fields = {name: _patch_field(field) for name, field in model.model_fields.items()}
    made: type[BaseModel] = create_model(
        f"{model.__name__}Patch",
        __config__=ConfigDict(extra="forbid"),
        __doc__=f"A change, in which null removes a field and fields left out stay. {model.__doc__}",
        **fields,
    )
    return made


def _patch_field(field: FieldInfo) -> Any:
    kind: Any = _patch_type(field.annotation)
    if field.metadata:
        kind = Annotated[kind, *field.metadata]
    return kind | None, Field(default=None, description=field.description, examples=field.examples)


def _patch_type(kind: Any) -> Any:
    if isinstance(kind, type) and issubclass(kind, ConfigPart):
        return make_patch_model(kind)
    if get_origin(kind) is Annotated:
        base, *metadata = get_args(kind)
        return Annotated[_patch_type(base), *metadata]
    if get_origin(kind) in (Union, UnionType):
        return reduce(or_, [_patch_type(each) for each in get_args(kind)])
    if get_origin(kind) is dict:
        key, value = get_args(kind)
        return GenericAlias(dict, (key, _patch_type(value) | None))
    return kind


AgentConfigPatch: Final = make_patch_model(AgentConfig)
OPTIONS_PATCH: Final = _patch_type(Options)
