"""Hooks into frameworks, one module each; a module imports its framework, nothing else does."""
