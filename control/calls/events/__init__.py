"""Events from media: read from the bus, stored once, applied to their calls."""
