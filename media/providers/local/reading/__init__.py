"""How what is written is said: one file for each kind of expression."""
