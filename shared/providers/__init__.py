"""Values, errors and declarations of facts for vendors' adapters, codecs and key checks."""
