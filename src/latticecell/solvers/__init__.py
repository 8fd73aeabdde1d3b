"""Solvers of linear systems; they know matrices and nothing of the physics."""
