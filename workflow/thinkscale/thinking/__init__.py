"""The method, without a tensor."""
