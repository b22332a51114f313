import Glibc

/// A file in memory that holds an input, for readers that take paths.
enum ScratchFile {
    static func with(_ bytes: UnsafeRawBufferPointer, _ body: (String) -> Void) {
        let path = "/dev/shm/rahf-fuzz-\(getpid())"
        let file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        precondition(file >= 0, "no scratch file at \(path)")
        defer {
            close(file)
            unlink(path)
        }
        precondition(write(file, bytes.baseAddress, bytes.count) == bytes.count, "the scratch file is full")
        body(path)
    }
}

/// A ZIP archive of stored entries with right checksums, which damage could not get past otherwise.
enum StoredArchive {
    static func bytes(_ entries: [(name: String, bytes: [UInt8])]) -> [UInt8] {
        var (archive, directory): ([UInt8], [UInt8]) = ([], [])
        for (name, bytes) in entries {
            let shared =
                little(UInt32(0x14)) + little(UInt32(0)) + [0, 0] + little(crc32(bytes)) + little(UInt32(bytes.count))
                + little(UInt32(bytes.count)) + little(UInt16(name.utf8.count)) + little(UInt16(0))
            directory += little(UInt32(0x0201_4b50)) + [0x14, 0] + shared + [UInt8](repeating: 0, count: 10)
            directory += little(UInt32(archive.count)) + Array(name.utf8)
            archive += little(UInt32(0x0403_4b50)) + shared + Array(name.utf8) + bytes
        }
        let start = archive.count
        archive += directory + little(UInt32(0x0605_4b50)) + [0, 0, 0, 0]
        archive += little(UInt16(entries.count)) + little(UInt16(entries.count))
        return archive + little(UInt32(directory.count)) + little(UInt32(start)) + [0, 0]
    }

    private static func little<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }

    private static func crc32(_ bytes: [UInt8]) -> UInt32 {
        ~bytes.reduce(~UInt32(0)) { sum, byte in
            (0..<8).reduce(sum ^ UInt32(byte)) { sum, _ in sum >> 1 ^ (sum & 1 == 0 ? 0 : 0xEDB8_8320) }
        }
    }
}
