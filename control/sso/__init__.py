"""Single sign-on through a workspace's own OpenID Connect provider."""
