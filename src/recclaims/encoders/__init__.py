"""Encoders: what turns items into features, and the controls that replace features."""
