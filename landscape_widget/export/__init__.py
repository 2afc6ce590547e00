"""Results on their way out: to the page, to files, to code."""
