"""Phone calls: admission, media nodes, and the record made from events."""
