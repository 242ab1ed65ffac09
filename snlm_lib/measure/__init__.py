"""What we observe."""
