"""Worlds of replicas, a store, a bus and executors: every schedule of small ones, many seeds."""
