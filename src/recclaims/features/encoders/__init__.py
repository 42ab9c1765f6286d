"""The encoders that come with recclaims."""
