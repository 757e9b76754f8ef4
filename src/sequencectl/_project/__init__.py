"""How many sequences go together: what waits, what starts, what people control, what follows."""
