"""Recommenders on RecBole: its own, the multimodal ones, and their feature-free twins."""
