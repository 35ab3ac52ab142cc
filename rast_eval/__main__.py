"""`python -m rast_eval` is `rast-eval`."""

from rast_eval.cli import main

if __name__ == "__main__":
    main()
