"""The project's files as frozen values, with the place each value came from."""
