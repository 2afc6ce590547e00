"""The loss of a model on its data as a pure function of θ, with its derivatives."""
