"""The files that are mounted into the sandbox. They import the standard library and each other, by plain name."""
