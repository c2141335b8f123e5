"""The command line. Data on stdout, talk on stderr, exit codes as documented."""
