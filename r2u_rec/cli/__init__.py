"""The command line: settings become objects, objects become verbs. Nothing heavy is imported before a verb runs."""
