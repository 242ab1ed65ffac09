"""What there is: read-only."""
