// Sources of Storage.
