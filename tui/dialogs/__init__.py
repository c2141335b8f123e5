"""What is asked before something is done, or shown over a place."""
