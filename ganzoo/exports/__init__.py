"""Export of models as SavedModel, ONNX or LiteRT, and deployment files."""
