"""The terms of the loss: a private copy of the model, the loss function, θ laid out in tensors."""
