"""Many recordings: each in a process of its own, one report over all."""
