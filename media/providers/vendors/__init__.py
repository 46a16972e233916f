"""The vendors: one module each, with one value `VENDOR`."""
