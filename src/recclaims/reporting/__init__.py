"""Results and the ways to show them."""
