"""Keys and the sealed envelope. The only room that imports `cryptography`; keys never leave it in clear."""
