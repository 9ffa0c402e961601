"""The durable log between whoever takes rows in and whoever folds, stores and shows them."""
