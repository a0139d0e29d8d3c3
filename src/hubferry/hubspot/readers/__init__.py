"""How to read HubSpot, each way once: scan, changes, batch, pages."""
