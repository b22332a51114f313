"""Writes feedback records as RichHF-18K's TFRecord files hold them, with nothing but the standard library."""
import struct


def _table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


TABLE = _table()


def masked_crc(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def example(features):
    """tf.train.Example; a value is bytes, a string or a float."""
    entries = b""
    for name, value in sorted(features.items()):
        if isinstance(value, float):
            feature = field(2, field(1, struct.pack("<f", value)))
        else:
            feature = field(1, field(1, value.encode() if isinstance(value, str) else value))
        entries += field(1, field(1, name.encode()) + field(2, feature))
    return field(1, entries)


def write(path, records):
    with open(path, "wb") as file:
        for record in records:
            data = example(record)
            length = struct.pack("<Q", len(data))
            file.write(length + struct.pack("<I", masked_crc(length)) + data + struct.pack("<I", masked_crc(data)))
