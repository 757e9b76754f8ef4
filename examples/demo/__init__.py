"""The proposal's three user stories, played on a shipyard in virtual time: ``python3 dev.py demo``.

Shows a host program around the pure core: it keeps the state, decides one command at a time, hands
each triggered task to its executor and minds the next deadline. Leaves out a database, a bus and
retries: everything lives in one process and ends with it.

`cast` says what a shipyard permits, `stories` are the scripts, `actors` the executors, `host` is
the loop, `plain` and `timeline` show what happens, and `verdict` judges it by the events alone.
"""
