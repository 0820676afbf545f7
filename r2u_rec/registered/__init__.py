"""The specs of what ships with the library, one file a component or a small family; nothing heavy is imported here."""
