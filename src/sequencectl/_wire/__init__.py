"""How values become stored bytes and come back."""
