"""How records are read, each way once: scan, changes, batch, pages."""
