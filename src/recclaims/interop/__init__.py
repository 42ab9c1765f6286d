"""A dataset, one replicate's split and features, written as other programs read them."""
