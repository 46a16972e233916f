"""What a simulated vendor billed, as totals: a platform may run for months, and tests read single bills only."""

from dataclasses import dataclass, replace
from typing import Final

from simulator.vendors.faults import Role
from simulator.vendors.server import BilledItem, BilledUnit, VendorState

# Models that are billed apart; requests name them, so that there may be any number.
MAX_TOTALS: Final = 100
OTHER_MODELS: Final = "others"


@dataclass(slots=True)
class TotalledVendorState(VendorState):
    """A vendor's state whose `billed` has one item for each role, model and unit, and beyond MAX_TOTALS one for all
    other models."""

    def bill(self, role: Role, model: str, unit: BilledUnit, quantity: float) -> None:
        """Adds a quantity to its total."""
        if quantity > 0 and not self._add(role, model, unit, quantity):
            name = model if len(self.billed) < MAX_TOTALS else OTHER_MODELS
            if name == model or not self._add(role, name, unit, quantity):
                self.billed.append(BilledItem(role, name, unit, quantity))

    def _add(self, role: Role, model: str, unit: BilledUnit, quantity: float) -> bool:
        """Whether there is a total."""
        for at, item in enumerate(self.billed):
            if (item.role, item.model, item.unit) == (role, model, unit):
                self.billed[at] = replace(item, quantity=item.quantity + quantity)
                return True
        return False
