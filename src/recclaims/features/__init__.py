"""Encoders: what turns items into features."""
