"""What a volumetric video is: configuration, decoder, hash encoding, MLP maps, occupancy, files."""
