"""Three replicas of the reference controller on one PostgreSQL, while much of that fails."""
