"""The programs in ``examples/``: what they print, what they promise, what they refuse."""
