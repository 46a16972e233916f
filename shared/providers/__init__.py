"""Values, errors and facts that vendors' adapters, codecs and key checks share."""
