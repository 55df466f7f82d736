"""Models by name: the catalog, and functions to load, train, evaluate, export and translate with them."""
