"""What calls cost in the stores, and how they are spread over many nodes: the measurements behind docs/run/scale.md."""
