"""Penalties, a file each. `ganzoo.objectives.penalties.penalty` says what a penalty is given and gives."""
