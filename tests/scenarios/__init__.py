"""Scenarios: whole stories through the public face."""
