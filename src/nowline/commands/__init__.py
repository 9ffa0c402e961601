"""The commands that do more than start a part of the program: what they do, and what they say."""
