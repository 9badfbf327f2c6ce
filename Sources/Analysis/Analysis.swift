// Sources of Analysis.
