"""What an ``InferenceEndpoint`` makes on each platform."""
