"""What is done to whole batches on the device: corruptions and augmentations, one file each.

A *corruption* changes the input while the clean image stays the target; an *augmentation* changes
both. Each file has `KIND` ("corruption" or "augmentation") and
`apply(x_BCHW, strength, generator) -> x_BCHW`, for float images in [0, 1] of any size and one or
more channels. `strength` goes from 0, the identity, to 1, the most that makes sense, and the
docstring of `apply` says what that is; a corruption also takes a float tensor `[B]`, one strength
an image. Shape and dtype stay, values stay in [0, 1], and the same generator seed gives the same
bits for images of the same memory layout.
"""
