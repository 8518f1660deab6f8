"""What a ``GpuCluster`` makes on each platform."""
