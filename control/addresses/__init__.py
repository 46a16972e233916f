"""Business addresses under which phone numbers are bought, and their registration at carriers."""
