"""Files on disk: segments, generations and their manifests, durability and locks."""
