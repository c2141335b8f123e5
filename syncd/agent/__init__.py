"""The background process: one per home, wired here and nowhere else."""
