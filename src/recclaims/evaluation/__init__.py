"""Per-user ranking metrics."""
