"""What a ``TrainingJob`` makes on each platform."""
