"""Answers requests that media nodes send during calls: verifies the call and runs the request's handler."""
