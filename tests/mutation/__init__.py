"""Small changes to the library, each of which the tests must notice: ``dev.py deep mutation``."""
