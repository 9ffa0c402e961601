"""Who is calling, and may they: users, sessions, API keys, tickets and the policy."""
