"""Files of text for the tests of readers."""


def write(tmp_path, text, name='a.csv'):
    """A file of a text, or of bytes; gives its path."""
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path
