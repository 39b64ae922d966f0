"""One file a network; its name is the `kind` in the spec.

Each has `build_encoder(spec, image_shape) -> (module, feature_shape)` and
`build_decoder(spec, image_shape) -> module`, whose output are pixel logits `[B, C, H, W]`.
"""
