"""SavedModels and other formats, and the files that deploy them."""
