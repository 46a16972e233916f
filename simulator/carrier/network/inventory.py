"""Which numbers were bought, by which carrier's customer and with what settings; kept in a file over a restart."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

Setting = str | int | bool | None | list[str]


class Taken(Exception):
    """The number belongs to somebody already."""


@dataclass(slots=True)
class Owned:
    """A bought number. id: the carrier's own id of it; settings: whatever the carrier keeps, by its own names."""

    carrier: str
    phone_number: str
    id: str
    settings: dict[str, Setting] = field(default_factory=dict)


class Inventory:
    """All bought numbers of all carriers, in the order they were bought. Changes go to `path` (JSON) when there is one.

    Raises OSError when the file cannot be read or written, and ValueError when it holds something else.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._owned: dict[str, Owned] = {}
        if path is not None and path.exists():
            self._owned = {entry.phone_number: entry for entry in _read(path)}

    def get(self, number: str) -> Owned | None:
        """Whose it is; None: nobody's."""
        return self._owned.get(number)

    def of(self, carrier: str) -> list[Owned]:
        """What was bought at one carrier, oldest first."""
        return [owned for owned in self._owned.values() if owned.carrier == carrier]

    def by_id(self, carrier: str, id: str) -> Owned | None:
        """A carrier's number by its id there."""
        return next((owned for owned in self.of(carrier) if owned.id == id), None)

    def add(self, owned: Owned) -> None:
        """Buys it. Raises Taken."""
        if owned.phone_number in self._owned:
            raise Taken(owned.phone_number)
        self._owned[owned.phone_number] = owned
        self._save()

    def change(self, owned: Owned, settings: Mapping[str, Setting]) -> None:
        """Settings are changed; the others stay."""
        owned.settings.update(settings)
        self._save()

    def remove(self, number: str) -> None:
        """Gives it back; harmless when it is nobody's."""
        if self._owned.pop(number, None) is not None:
            self._save()

    def _save(self) -> None:
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps([asdict(owned) for owned in self._owned.values()], indent=1))
        os.replace(fresh, self._path)


def _read(path: Path) -> list[Owned]:
    try:
        return [Owned(**entry) for entry in json.loads(path.read_text())]
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: not a list of numbers: {error}") from error
