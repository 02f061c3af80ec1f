"""Scene files that are not glTF, each turned into a glTF document in memory: everything downstream knows one form."""
