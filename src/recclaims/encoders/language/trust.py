"""Whether code that comes with a checkpoint may run. It may not, unless the user sets this."""

#: Code from a model's repository is a program like any other: it can read and send whatever you can.
remote_code = False
