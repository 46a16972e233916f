"""The services of the nouns, found by their class, so that this package does not depend on higher layers."""

from typing import TypeVar, cast

T = TypeVar("T")


class Services:
    """One instance of each service per program: `services[Agents]`."""

    def __init__(self, *services: object) -> None:
        self._by_class: dict[type, object] = {type(service): service for service in services}
        if len(self._by_class) < len(services):
            raise ValueError("two services have the same class")

    def __getitem__(self, kind: type[T]) -> T:
        """Return the service of this class. Raises KeyError if the program created none."""
        return cast(T, self._by_class[kind])
