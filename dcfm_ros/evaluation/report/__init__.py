"""What a run came to, for people and programs: metrics.json, pages, pictures, terminal."""
