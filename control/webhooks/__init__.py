"""What carriers tell us: verified, stored once, answered in their language."""
