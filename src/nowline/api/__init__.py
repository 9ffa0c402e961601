"""What the outside speaks: one file per resource, all over HTTP and WebSocket."""
