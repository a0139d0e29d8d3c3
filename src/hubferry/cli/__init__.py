"""The terminal: a thin layer over hubferry.project."""
