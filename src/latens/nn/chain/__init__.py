"""Networks spelled out layer by layer (`latens.spec.layers`): their shapes, and their modules."""
