"""Who may sign in: users, the platform's staff, their passwords, sessions and letters."""
