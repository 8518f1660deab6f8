"""What a ``Workspace`` makes on each platform."""
