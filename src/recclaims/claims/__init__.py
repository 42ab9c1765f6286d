"""Claims, comparisons, statistics and verdicts."""
