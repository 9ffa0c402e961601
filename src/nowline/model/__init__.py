"""The domain's own types: structs without I/O, imported by every layer above."""
