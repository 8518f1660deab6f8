"""What a ``GpuNodePool`` makes on each platform."""
