"""Cells, what they depend on, and what trains them."""
