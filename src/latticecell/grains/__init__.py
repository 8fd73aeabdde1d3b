"""Grains of spherical particles: cells of seeds with weights, their sizes and shapes, orientations."""
