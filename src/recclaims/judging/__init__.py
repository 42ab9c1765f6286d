"""From what cells scored to verdicts: comparisons, intervals, control checks."""
