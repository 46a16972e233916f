"""A provider of OpenID Connect that others wrote, and a trial of ours at it."""
