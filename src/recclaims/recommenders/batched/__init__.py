"""Cells of one recommender and shape trained together, as one model: what a GPU needs to be worth its while."""
