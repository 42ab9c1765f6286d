"""Amazon Reviews 2023: from the raw files of a category to a folder dataset."""
