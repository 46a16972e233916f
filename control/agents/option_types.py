"""Types of what an agent may set of a provider."""

from typing import Annotated, Final

from pydantic import Field, StringConstraints

from control.agents.config_part import PLAIN
from control.platform.union_errors import SingleUnionError

SAFE_INTEGER: Final = 2**53 - 1

Provider = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
OptionName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
OptionText = Annotated[str, StringConstraints(max_length=2_000, pattern=PLAIN)]
Whole = Annotated[int, Field(ge=-SAFE_INTEGER, le=SAFE_INTEGER)]
Real = Annotated[float, Field(allow_inf_nan=False, ge=-1e15, le=1e15)]
Option = Annotated[
    bool | Whole | Real | OptionText | Annotated[list[OptionText], Field(max_length=100)],
    SingleUnionError("true, false, a number, a text of up to 2,000 characters or a list of up to 100 such texts"),
]
Options = Annotated[dict[OptionName, Option], Field(max_length=30)]
