"""A store in PostgreSQL, what a controller on it needs besides, and a private server to try it."""
