"""What every room builds on: errors, rules, settings, the registry, the records, files, random generators."""
