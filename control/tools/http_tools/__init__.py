"""HTTP tools: requests that agents make in calls."""
