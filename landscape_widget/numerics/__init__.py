"""Mathematics on arrays and products, without models."""
