"""E-mails to users and staff, and limits on them."""
