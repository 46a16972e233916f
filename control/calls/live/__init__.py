"""Running calls: media nodes, streams, and how calls are ended."""
