"""`make bench`: speed and memory as ratios in the same run. One measurement a file; suite.py lists them."""
