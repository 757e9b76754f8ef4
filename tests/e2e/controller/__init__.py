"""The reference controller as a process: what it answers, survives and withstands."""
