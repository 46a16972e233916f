"""The calls of `vocalized demo` and the files that it writes."""
