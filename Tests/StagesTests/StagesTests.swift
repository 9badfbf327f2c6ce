// Tests of Stages.
