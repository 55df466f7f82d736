"""What networks are trained for and held to: losses, penalties, constraints, augmentations; a file each."""
