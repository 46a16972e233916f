"""Phone numbers: search, purchase and release at the carriers."""
