"""hubferry in other people's orchestrators: each module needs the package it is named after, and calls `hubferry.project` only."""
