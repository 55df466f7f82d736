"""keras.Model subclasses, one file per training scheme; build.py creates them from a config."""
