"""Single sign-on: members of a workspace sign in at its own OpenID Connect provider."""
