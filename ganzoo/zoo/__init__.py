"""Models by name: the catalog, and what one does with a name, a run or a file: load, train, evaluate, export."""
