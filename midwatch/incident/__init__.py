"""An incident: its folder, its events, and its state as a fold over them."""
