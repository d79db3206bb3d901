"""VGG-19 weights trained on textures that we generate: no photograph, no download."""
