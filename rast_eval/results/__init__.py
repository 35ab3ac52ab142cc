"""What a run left: its files, its grades as matrices, its figures, and two runs beside each other."""
