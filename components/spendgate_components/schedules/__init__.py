"""What ``OffHours`` makes on each platform."""
