"""How often verdicts are wrong: simulations with known truth."""
