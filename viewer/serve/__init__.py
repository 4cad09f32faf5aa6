"""Remote viewing: shows a video in browsers through viser. Every visitor has a camera and a time of their own."""
