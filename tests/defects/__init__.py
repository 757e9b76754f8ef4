"""Defects the tests must catch: each ``*.toml`` is one, the runner seeds it and looks.

Keys of a file: ``rule`` and ``title`` (what is broken), ``file`` (relative to the root), ``old``
(text that occurs there exactly once), ``new``, ``test`` (the node id, or ids, each of which must
fail) and, optionally, ``naive_model`` (whether the naive model alone catches it as well).
"""
