"""What the log's rows become: open one-second windows in memory, and appends to the store."""
