"""The worker's own MCP server, by the official SDK, loaded with the first request."""
