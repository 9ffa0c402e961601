"""What people do: counted as it happens, kept, and looked back on."""
