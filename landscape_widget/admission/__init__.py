"""What a loss must stand before it is trusted: the first evaluation, and what is refused there."""
