"""Test-wide settings."""

import os

# Tiny networks run slower on several threads, much slower on a busy machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")
