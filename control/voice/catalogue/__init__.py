"""The provider catalogue, which staff edit."""
