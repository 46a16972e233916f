"""One folder per vendor; `registry.py` lists them."""
