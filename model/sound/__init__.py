"""The sound of a video: where its bytes come from, decoding them, encoding them as Opus."""
