"""snlm: Hyper-V Shared Nothing Live Migration as an approvable, provable change. Importing this costs nothing."""

__version__ = "0.1.0"
