"""Regulatory bundles: a business's documents at a carrier, under which phone numbers are bought."""
