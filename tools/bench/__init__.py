"""What things cost: decoding, math scoring, code scoring. Each prints ratios measured in one run."""
