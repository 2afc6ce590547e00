"""The widget: traits and wiring, nothing computed."""
