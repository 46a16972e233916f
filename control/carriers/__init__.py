"""The carriers' REST APIs, each behind one gateway; only the gateways import the carriers' SDKs."""
