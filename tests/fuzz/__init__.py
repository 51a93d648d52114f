"""Everything that takes bytes from somebody else, fuzzed."""
