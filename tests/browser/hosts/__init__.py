"""One set of acts over every host that the explorer is shown in, each real and started by the tests."""
