"""News: what is read, and what it says."""
