"""Batches: where they come from, what is in them, and how many examples."""
