"""From settings to samples and grades: plan, generate, grade, sweep."""
