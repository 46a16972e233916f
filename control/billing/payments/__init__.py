"""Payment methods, charges and refunds at a payment company."""
