"""Real servers that the providers are tested on, each on loopback and a free port, each ended with its test."""
