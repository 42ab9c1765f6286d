"""What the models compute with: gathers, losses, propagation, graphs, ties."""
