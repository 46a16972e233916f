"""The address of a gRPC server, and the methods that are called. Does not need gRPC's library."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

Q = TypeVar("Q")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class GrpcAddress:
    """A server. `target` is host and port. `is_plain` disables TLS."""

    target: str
    is_plain: bool = False


@dataclass(frozen=True, slots=True)
class GrpcMethod(Generic[Q, R]):
    """A method that streams in both directions. `path` has the form `/package.Service/Method`."""

    path: str
    encode: Callable[[Q], bytes]
    decode: Callable[[bytes], R]
