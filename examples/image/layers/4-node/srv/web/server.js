// Stands for the web front of the example.
