"""What `doctor` looks at, one file for each matter; nothing here changes anything."""
