"""Eigenpairs, trace and density of the Hessian of an objective, and what they hide."""
