"""Single sign-on at a workspace's own OpenID Connect provider."""
