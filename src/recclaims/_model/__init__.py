"""The words of a run as types, which import nothing of recclaims."""
