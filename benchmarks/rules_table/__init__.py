"""Table of all supervised learning rules on three networks and two data sets."""
