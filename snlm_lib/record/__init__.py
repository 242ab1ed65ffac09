"""What we leave behind."""
