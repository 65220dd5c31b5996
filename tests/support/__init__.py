"""What several tests use: worlds, servers, and ways to run a command."""
