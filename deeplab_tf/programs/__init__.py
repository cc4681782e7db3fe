"""The programs behind `deeplab COMMAND` and tools/: flags, one call of the library, prints."""
