"""How long a test waits for another process before it says that this has failed."""

#: Seconds, where some are needed: to import takes minutes on a machine that many share.
PATIENCE = 600
