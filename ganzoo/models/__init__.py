"""keras.Model subclasses that override train_step, one file a training scheme; build.py makes them from a config."""
