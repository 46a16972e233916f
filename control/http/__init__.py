"""HTTP: routes with access rules, typed bodies and answers, one transaction per request."""
