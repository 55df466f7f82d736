"""Local server of exported models, and client for it and for TensorFlow Serving."""
