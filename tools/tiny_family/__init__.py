"""The tiny family from one seed: corpus, training, RL, and the page that measures it."""
