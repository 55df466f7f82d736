"""What every training scheme uses and none shows: updates, the step loop, XLA, accumulation, precision, the guard."""
