"""Stripe's webhooks: what changed is asked of Stripe by a job, because events come in any order and twice."""
