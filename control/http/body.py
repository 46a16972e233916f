"""Types that bodies and answers are made of."""

from decimal import Decimal
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, PlainSerializer, StringConstraints, WithJsonSchema

# Money is Decimal inside and a JSON number in major units outside.
Money = Annotated[
    Decimal,
    PlainSerializer(float, return_type=float, when_used="json"),
    WithJsonSchema({"type": "number"}, mode="serialization"),
]
# Names stand in letters to others and in lists: one line.
ONE_LINE: Final = r"^[^\u0000-\u001f\u007f]*$"
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=ONE_LINE)]
ShortText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2_000)]


class Body(BaseModel):
    """Base of every request body; an unknown field is an error that names it."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
