"""`rhi run`: announces what is healthy. Configuration, decisions, control; BGP itself is the library's."""
