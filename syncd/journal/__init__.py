"""What devices say: signed, chained records, the statements in them, volumes and checkpoints. Pure codecs."""
