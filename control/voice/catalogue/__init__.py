"""The provider catalogue, which the staff edit."""
