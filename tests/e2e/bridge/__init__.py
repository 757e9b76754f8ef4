"""The Bridge in a browser: what a person sees and does, against the real controller."""
