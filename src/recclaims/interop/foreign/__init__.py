"""Recommenders written for other libraries, as they are: named by their file, trained and ranked here."""
