"""Two runs on the same recordings, how sure their difference is, and gates for CI."""
