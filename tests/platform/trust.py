"""What tests believe the bus by: the programs of a test share one key, and speak with or without a proof."""

from collections.abc import Sequence

from shared.bus.authority import BusAuthority
from shared.bus.enrollment import NodeIdentity, NodeKey
from shared.secrets import Sealer


def trusting(keys: Sequence[bytes]) -> BusAuthority:
    """Control in the release in which unsigned entries are still believed, so that a test can write them by hand."""
    return BusAuthority(keys, unsigned=Sealer(keys))


def make_identity(keys: Sequence[bytes], url: str, node_key: NodeKey | None = None) -> NodeIdentity:
    """Return a node at this URL, with a node credential from the control that has these keys."""
    return NodeIdentity(node_key or NodeKey(), BusAuthority(keys).enrollment.make_credential(url))
