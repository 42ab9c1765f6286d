"""Noise that takes the place of real features."""
