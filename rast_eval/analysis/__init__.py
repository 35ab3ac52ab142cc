"""The measurements behind the paper's figures."""
