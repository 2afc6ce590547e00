"""How fast the package is beside a plain loop and beside other tools: ``make bench``."""
