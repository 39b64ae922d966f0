"""Networks: encoders (images to features), decoders (features to images), heads (to classes)."""
