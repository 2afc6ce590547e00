"""One model under study: which step comes next."""
