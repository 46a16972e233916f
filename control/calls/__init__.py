"""Phone calls: admitted, handed to media, written down as their events come."""
