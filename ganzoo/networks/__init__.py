"""Network architectures, built from plain arguments without a config."""
