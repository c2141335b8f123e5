"""`python -m syncd` is `syncd`."""

from syncd.entry import main

main()
