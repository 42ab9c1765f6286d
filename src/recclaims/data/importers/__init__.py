"""Folders that other programs wrote, read as they are: one module a format, found by what lies in the folder."""
