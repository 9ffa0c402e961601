"""The doors in: bytes of a wire format become columns, are checked, and go into the log."""
