// Tests of Executors.
