"""Questions about metrics: planned, answered from store and windows together, and watched."""
