"""The search through every state of small worlds, and what it is made of."""
