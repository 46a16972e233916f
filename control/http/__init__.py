"""HTTP: routes with their least role, typed bodies and answers, one transaction per request."""
