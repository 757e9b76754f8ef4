"""How one sequence goes: what may happen, what it does next, and what comes of it."""
