// Sources of Video.
