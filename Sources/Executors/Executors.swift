// Sources of Executors.
