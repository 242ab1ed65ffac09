"""Samples to figures, one file a figure."""
