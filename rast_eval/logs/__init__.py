"""Logs of other programs, and ours for them: one file a layout, registered in `layouts`."""
