"""Torch's internals, and nothing of this package's own ideas."""
