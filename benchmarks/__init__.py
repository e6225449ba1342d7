"""What `./dev bench` measures, and the data set that it measures on."""
