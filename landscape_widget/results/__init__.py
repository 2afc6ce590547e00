"""What is computed, as frozen dataclasses, to and from files."""
