"""Calls whose carriers and phones do what real ones do: refuse, repeat, reorder, lose, rename, fall silent."""
