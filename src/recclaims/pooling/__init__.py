"""What several data sets say together of a claim."""
