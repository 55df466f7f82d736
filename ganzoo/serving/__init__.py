"""A local server of exported models, and a client of it and of TensorFlow Serving."""
