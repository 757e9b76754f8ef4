"""Defects the tests must catch: each ``*.toml`` is one, the runner seeds it and looks.

Keys of a file: ``rule`` and ``title`` (what is broken), ``file`` (relative to the root), ``old``
(text that occurs there exactly once), ``new``, ``test`` (the node id, or ids, each of which must
fail) or ``run`` (the arguments of a Python that must fail, for what pytest does not see) and,
optionally, ``naive_model`` and ``exploration`` (whether these alone catch it as well) and ``only``
(the layer that is the only one to catch it; ``layers`` has them, ``budget`` holds them to it).
"""
