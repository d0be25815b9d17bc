"""How much reuse changes labels: measured on unlabelled video, fitted, simulated."""
