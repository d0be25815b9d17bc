"""How good, how fast and how steady the segmentation of a recording is."""
