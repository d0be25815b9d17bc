"""Frames of a recording, exact or as a node published them, on their way into results."""
