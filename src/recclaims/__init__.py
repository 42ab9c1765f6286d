"""Turns the claims of multimodal-recommendation papers into pytest benchmark cases with verdicts."""
