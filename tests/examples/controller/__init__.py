"""Tests of the reference controller that need no process."""
