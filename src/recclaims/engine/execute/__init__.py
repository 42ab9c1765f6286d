"""Where cells are computed: this process, a pool of processes, a GPU, a cluster."""
