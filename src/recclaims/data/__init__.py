"""Datasets: catalogues, interactions and the splits made of them."""
