"""Speed, as ratios within one run; nothing here asserts a duration."""
