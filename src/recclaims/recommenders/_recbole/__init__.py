"""What is read from RecBole, and what is done in its place."""
