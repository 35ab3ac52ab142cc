"""Scripts apart from the package: benchmarks of speed, and the training of the tiny family."""
