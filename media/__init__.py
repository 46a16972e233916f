"""The media program: carries the calls."""
