"""What travels between the steps of a study."""
