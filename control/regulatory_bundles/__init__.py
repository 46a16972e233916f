"""Regulatory bundles: documents of a business at a carrier, under which phone numbers are bought."""
