"""The tests of sequencectl: a file per module, then one folder per kind of check."""
