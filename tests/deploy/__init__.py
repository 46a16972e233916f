"""Tests; the images, compose and Kubernetes manifests."""
