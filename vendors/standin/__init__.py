"""Stand-ins for vendors, with fixed texts and delays."""
