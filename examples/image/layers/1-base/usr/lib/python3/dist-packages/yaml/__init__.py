# Stands for the module of the Debian package.
