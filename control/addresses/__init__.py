"""Business addresses under which phone numbers are bought, and their registrations at carriers."""
