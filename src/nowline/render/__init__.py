"""Draws dashboards as files, in the page's own look: PDF in vectors, PNG in pixels.

`document.render` is pure: a sheet goes in, bytes come out. `canvas` and `lettering` alone know the
drawing library. `process` runs all of it apart, so that the server keeps its loop and its memory.
"""
