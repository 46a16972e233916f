"""The bought numbers and their settings, optionally stored in a file."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

Setting = str | int | bool | None | list[str]


class NumberTaken(Exception):
    """The number is already owned."""


@dataclass(slots=True)
class OwnedNumber:
    """A bought number.

    Attributes:
        id: The carrier's id.
        settings: Settings by the carrier's names.
    """

    carrier: str
    phone_number: str
    id: str
    settings: dict[str, Setting] = field(default_factory=dict)


class Inventory:
    """The bought numbers of all carriers, in the order of purchase. Changes are written to `path` (JSON) if it is set.

    Raises:
        OSError: The file cannot be read or written.
        ValueError: The file's content is invalid.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._owned: dict[str, OwnedNumber] = {}
        if path is not None and path.exists():
            self._owned = {entry.phone_number: entry for entry in _read(path)}

    def get(self, number: str) -> OwnedNumber | None:
        """Return the number; None if nobody owns it."""
        return self._owned.get(number)

    def of(self, carrier: str) -> list[OwnedNumber]:
        """Return the numbers of a carrier, oldest first."""
        return [owned for owned in self._owned.values() if owned.carrier == carrier]

    def by_id(self, carrier: str, id: str) -> OwnedNumber | None:
        """Return a carrier's number by its id; None if there is none."""
        return next((owned for owned in self.of(carrier) if owned.id == id), None)

    def add(self, owned: OwnedNumber) -> None:
        """Add a number. Raises NumberTaken."""
        if owned.phone_number in self._owned:
            raise NumberTaken(owned.phone_number)
        self._owned[owned.phone_number] = owned
        self._save()

    def change(self, owned: OwnedNumber, settings: Mapping[str, Setting]) -> None:
        """Update the given settings."""
        owned.settings.update(settings)
        self._save()

    def remove(self, number: str) -> None:
        """Remove a number. Does nothing if nobody owns it."""
        if self._owned.pop(number, None) is not None:
            self._save()

    def _save(self) -> None:
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps([asdict(owned) for owned in self._owned.values()], indent=1))
        os.replace(fresh, self._path)


def _read(path: Path) -> list[OwnedNumber]:
    try:
        return [OwnedNumber(**entry) for entry in json.loads(path.read_text())]
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: not a list of numbers: {error}") from error
