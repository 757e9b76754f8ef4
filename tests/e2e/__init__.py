"""Programs as a whole, as processes."""
