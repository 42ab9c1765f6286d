"""More than one process and more than one machine: real schedulers, workers and sessions."""
