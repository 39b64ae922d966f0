"""Images in: sources, names, splits, packs. Import from the modules; this one stays empty."""
