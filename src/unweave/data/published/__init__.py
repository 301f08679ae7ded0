"""Data sets that were published, and those that are rendered."""
