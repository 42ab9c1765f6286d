"""The pytest plugin: options, cases, sessions of several processes."""
