"""The page: what the command line does, in a browser on this machine. Calls `project` and nothing below it."""
