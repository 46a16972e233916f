"""The Redis functions of media nodes.

Control loads them. A node may call them, but may not load any.

Redis stores functions with its data, so after a restart they exist before any program runs. If a node could load
scripts, a script could run forever and only a restart of Redis would stop it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any, Final

from redis.exceptions import NoPermissionError, ResponseError

from shared.bus.client import BusClient, map_redis_error

LIBRARY_PREFIX: Final = "vocalized_"
_UNKNOWN: Final = "Function not found"


@dataclass(frozen=True)
class NodeFunction:
    """A Lua function of KEYS and ARGV. Its name in Redis contains a digest of the text, so that programs of two
    releases each call their own version."""

    name: str
    body: str

    @cached_property
    def full_name(self) -> str:
        """The name of the function and of its library."""
        return f"{LIBRARY_PREFIX}{self.name}_{sha256(self.body.encode()).hexdigest()[:12]}"

    @property
    def library(self) -> str:
        """The text that Redis loads."""
        name = self.full_name
        return f"#!lua name={name}\nredis.register_function('{name}', function(KEYS, ARGV)\n{self.body}\nend)\n"

    async def call(self, redis: BusClient, keys: Sequence[str], args: Iterable[Any] = ()) -> Any:
        """Call the function.

        If Redis does not have the function, a client that may load functions loads it; a node may not. Raises the
        driver's errors.
        """
        values = [*keys, *args]
        try:
            return await redis.fcall(self.full_name, len(keys), *values)
        except NoPermissionError:
            # The previous release's ACL permits EVAL but no functions, until the last old node has ended.
            return await redis.eval(self.body, len(keys), *values)
        except ResponseError as error:
            if _UNKNOWN not in str(error):
                raise
        await redis.function_load(self.library, replace=True)
        return await redis.fcall(self.full_name, len(keys), *values)


# Redis's time in ms, from the clock of the cluster member that has the key.
NOW_MS: Final = NodeFunction(
    "now",
    """
local t = redis.call('TIME')
return math.floor(t[1] * 1000 + t[2] / 1000)
""",
)


async def load_functions(redis: BusClient, functions: Sequence[NodeFunction]) -> list[str]:
    """Load the functions that Redis, or a member of its cluster, does not have. Return their names. Raises
    BusUnavailable."""
    async with map_redis_error():
        found: Any = await redis.function_list(library=f"{LIBRARY_PREFIX}*")
        members = list(found.values()) if isinstance(found, dict) else [found]
        known = [{_library_name(library) for library in member} for member in members]
        missing = [function for function in functions if any(function.full_name not in names for names in known)]
        for function in missing:
            await redis.function_load(function.library, replace=True)
    return [function.full_name for function in missing]


def _library_name(library: Sequence[Any]) -> str:
    """Return the name of a library from alternating names and values."""
    fields = dict(zip(library[::2], library[1::2], strict=True))
    return str(fields[b"library_name"].decode())
