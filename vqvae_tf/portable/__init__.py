"""A model in formats that run without TensorFlow: LiteRT and ONNX."""
