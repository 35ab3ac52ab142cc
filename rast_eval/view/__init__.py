"""The viewer: every sample of a run in a browser, served on this machine or as one file to pass on."""
