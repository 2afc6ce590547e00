"""Directions, planes, and losses on them."""
