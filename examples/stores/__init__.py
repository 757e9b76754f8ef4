"""Three stores to start from: each keeps the contract of ``sequencectl.ports.Store`` its own way.

`sqlite` writes a row per sequence, `snapshot_file` a whole project at a time, `event_log` nothing
but events. All three pass ``sequencectl.testing``'s checks; docs/writing-a-store.md explains them.
"""
