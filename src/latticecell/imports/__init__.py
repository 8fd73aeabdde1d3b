"""Microstructures that were measured, or made by other programs."""
