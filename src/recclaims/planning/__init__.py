"""What is claimed, and the cases and arms that answer it."""
