"""A recording played over DDS into the live node, and what comes back as a report."""
