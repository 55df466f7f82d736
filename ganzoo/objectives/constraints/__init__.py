"""Constraints, a file each. `ganzoo.objectives.constraints.constraint` says what a constraint does."""
