"""How well the guide retrieves, grounds, abstains, follows up and keeps people safe."""
