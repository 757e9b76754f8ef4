"""The command line, against a fake controller."""
