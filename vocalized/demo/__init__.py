"""The demonstration's calls and the files that it writes."""
