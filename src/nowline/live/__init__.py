"""From changes to viewers: evaluated once, encoded once, written to readers that never wait."""
