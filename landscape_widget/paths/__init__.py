"""Paths through the space of θ: those of training, and those between two solutions."""
