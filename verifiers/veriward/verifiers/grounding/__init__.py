"""Boxes, points, intervals and paths in images and video."""
