"""The embedded family: RAST in miniature, for a laptop."""
