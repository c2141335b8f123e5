"""Words that every room uses: identities, entries, sizes. Values only; no I/O, nothing that acts."""
