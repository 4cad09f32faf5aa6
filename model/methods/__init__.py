"""The methods that the paper is compared with, as modules behind the reference renderer's door: points, view, frame in."""
