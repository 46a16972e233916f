"""The phone companies' REST APIs, each behind one gateway; the only importers of their SDKs."""
