"""The docs as a site: built by ``make site``, which then runs these tests."""
