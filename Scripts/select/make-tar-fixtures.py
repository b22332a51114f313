"""Tar archives as Python writes them, for the reader's tests. usage: make-tar-fixtures.py FOLDER"""

import io
import sys
import tarfile

for name, style, folders in [
    ("ustar", tarfile.USTAR_FORMAT, 15),
    ("pax", tarfile.PAX_FORMAT, 20),
    ("gnu", tarfile.GNU_FORMAT, 20),
]:
    with tarfile.open(f"{sys.argv[1]}/{name}.tar", "w", format=style) as archive:
        for path, content in [
            ("short.txt", b"short"),
            ("long-folder/" * folders + "picture.png", b"picture"),
            ("last.bin", bytes(600)),
        ]:
            member = tarfile.TarInfo(path)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
