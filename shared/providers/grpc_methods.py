"""Where a server of gRPC is, and which of its methods is called; without gRPC's library."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

Q = TypeVar("Q")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class GrpcAddress:
    """target: host and port. is_plain: without TLS."""

    target: str
    is_plain: bool = False


@dataclass(frozen=True, slots=True)
class GrpcMethod(Generic[Q, R]):
    """A method with a stream both ways. path: `/package.Service/Method`."""

    path: str
    encode: Callable[[Q], bytes]
    decode: Callable[[bytes], R]
