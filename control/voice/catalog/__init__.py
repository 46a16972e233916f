"""The provider catalog, which staff edit."""
