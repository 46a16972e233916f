"""Regulatory bundles: documents about a business that a carrier has, under which phone numbers are bought."""
