"""The composition root: what a server is made of, from where data comes in to where it leaves.

Parts are started in the order of the flow and stopped in the order in which they stop being
needed: first the doors, then what reads the log, then the files.
"""

from nowline.app.serving import openapi, serve

__all__ = ["openapi", "serve"]
