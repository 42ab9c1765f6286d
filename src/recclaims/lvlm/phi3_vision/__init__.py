"""Phi-3.5-vision without code from its repository: its files, read by a model and a processor of our own.

The language model is transformers' Phi-3 and the image tower its CLIP; what is between them (crops, merging, line
separators, projection, prompts with images) is here.
"""

from __future__ import annotations

#: What config.json calls Phi-3-vision and Phi-3.5-vision.
MODEL_TYPE = "phi3_v"
#: Stands in the keys of features; raise it where the same files and images give other states.
VERSION = "phi3v-1"
