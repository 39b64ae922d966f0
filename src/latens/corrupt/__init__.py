"""What is done to whole batches on the device: corruptions and augmentations, one file each.

A *corruption* changes the input while the clean image stays the target; an *augmentation* changes
both. Each file has `KIND` ("corruption" or "augmentation") and
`apply(x_BCHW, strength, generator) -> x_BCHW`, where strength 0 is the identity, the shape stays,
and the values stay in [0, 1]. The same generator seed gives the same bits.
"""
