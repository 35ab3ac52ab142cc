"""rast-eval: RAST decoding-time logit transfer, run, scored and reported."""

__version__ = "0.1.0"
