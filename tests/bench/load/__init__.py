"""The reference controller under load: writers that wait for answers, and clients that follow."""
