"""HTTP tools, which send a request that a workspace defines."""
