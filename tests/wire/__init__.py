"""What stores keep: golden files, strictness, round trips, schemas."""
