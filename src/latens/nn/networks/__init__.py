"""One file a network; its name is the `kind` in the spec.

Each has `build_encoder(spec, image_shape) -> (encoder, feature_shape)`, where the encoder is a
`nn.Sequential` of named stages, and `build_decoder(spec, image_shape, encoder) -> module`, whose
output are pixel logits `[B, C, H, W]`; a tied one borrows the encoder's weights.
"""
