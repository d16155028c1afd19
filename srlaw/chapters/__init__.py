"""What one chapter alone computes: a module a chapter (three more beside `theorems`), named for what it is."""
