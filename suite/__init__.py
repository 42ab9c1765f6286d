"""What is claimed: one module per claim, one case per recommender, encoder, control and dataset."""
