"""Symmetric training of DCFM from sparse labels."""
