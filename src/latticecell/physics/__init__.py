"""The physics, one field per module; the modules never import each other."""
