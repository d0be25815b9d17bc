"""What segmented frames come to: counts, shares, times, costs."""
