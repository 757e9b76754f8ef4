"""How many sequences go together: who waits, who starts, what people control, what follows."""
