import Glibc

/// A file of checksummed records, read from any place by any thread; memory holds one record at a time.
///
/// A record is its length (8 bytes, little-endian), the length's masked CRC-32C, the bytes, and their masked CRC-32C.
public final class TFRecordFile: Sendable {
    public let path: String
    /// Bytes in the file when it was opened.
    public let size: UInt64
    private let descriptor: Int32
    private let maximumRecordBytes: Int

    /// Opens a file and looks at its start.
    ///
    /// - Parameter maximumRecordBytes: longer records are refused before memory is taken for them. RichHF-18K's have
    ///   about 10,000 bytes; the default is 256 MiB.
    /// - Throws: `unreadable`, or `lfsPointer` for what a clone without Git-LFS leaves.
    public init(path: String, maximumRecordBytes: Int = 256 << 20) throws(FeedbackDataError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FeedbackDataError(file: path, .unreadable(systemMessage())) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw FeedbackDataError(file: path, .unreadable("it is not a regular file"))
        }
        self.path = path
        self.descriptor = descriptor
        self.maximumRecordBytes = maximumRecordBytes
        size = UInt64(status.st_size)
        if let pointer = try LFSPointer(read(at: 0, count: min(Int(clamping: size), 512), record: nil)) {
            throw FeedbackDataError(file: path, .lfsPointer(size: pointer.size))
        }
    }

    deinit {
        close(descriptor)
    }

    /// The record that starts at a byte, and where the next one starts. Nil at the file's end.
    ///
    /// - Parameter index: the record's number, for errors.
    /// - Throws: what is wrong with the record. After `wrongDataChecksum`, `next(after:)` finds the following one.
    public func record(at offset: UInt64, index: Int) throws(FeedbackDataError) -> (bytes: [UInt8], next: UInt64)? {
        guard let frame = try frame(at: offset, index: index) else { return nil }
        var bytes = try read(at: offset + 12, count: frame.length + 4, record: index)
        let intact = bytes.withUnsafeBytes { raw in
            let stored = UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: frame.length, as: UInt32.self))
            return CRC32C.masked(UnsafeRawBufferPointer(rebasing: raw[..<frame.length])) == stored
        }
        guard intact else { throw FeedbackDataError(file: path, record: index, .wrongDataChecksum) }
        bytes.removeLast(4)
        return (bytes, frame.next)
    }

    /// Where the record after the one at a byte starts. Nil at the file's end. Reads 12 bytes.
    public func next(after offset: UInt64, index: Int) throws(FeedbackDataError) -> UInt64? {
        try frame(at: offset, index: index)?.next
    }

    /// Where every record starts: for random access. Reads 12 bytes a record.
    public func offsets() throws(FeedbackDataError) -> [UInt64] {
        var offsets: [UInt64] = []
        var offset: UInt64 = 0
        while let next = try next(after: offset, index: offsets.count) {
            offsets.append(offset)
            offset = next
        }
        return offsets
    }

    private func frame(at offset: UInt64, index: Int) throws(FeedbackDataError) -> (length: Int, next: UInt64)? {
        precondition(offset <= size, "records start inside the file")
        let left = size - offset
        if left == 0 { return nil }
        guard left >= 12 else {
            throw FeedbackDataError(
                file: path, record: index, index == 0 ? .notTFRecord : .truncated(expected: 12, found: left))
        }
        let header = try read(at: offset, count: 12, record: index)
        let (length, stored, computed) = header.withUnsafeBytes { raw in
            (
                UInt64(littleEndian: raw.loadUnaligned(as: UInt64.self)),
                UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: 8, as: UInt32.self)),
                CRC32C.masked(UnsafeRawBufferPointer(rebasing: raw[..<8]))
            )
        }
        guard stored == computed else {
            throw FeedbackDataError(file: path, record: index, index == 0 ? .notTFRecord : .wrongLengthChecksum)
        }
        guard length <= UInt64(maximumRecordBytes) else {
            throw FeedbackDataError(
                file: path, record: index, .recordTooLarge(bytes: length, limit: maximumRecordBytes))
        }
        guard length + 4 <= left - 12 else {
            throw FeedbackDataError(
                file: path, record: index, .truncated(expected: length + 4, found: left - 12))
        }
        return (Int(length), offset + 12 + length + 4)
    }

    private func read(at offset: UInt64, count: Int, record: Int?) throws(FeedbackDataError) -> [UInt8] {
        var done = 0
        var problem: FeedbackDataError.Reason?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while done < count, let base = buffer.baseAddress {
                let got = pread(descriptor, base + done, count - done, off_t(offset) + off_t(done))
                if got > 0 {
                    done += got
                } else if got == 0 {
                    problem = .truncated(expected: UInt64(count), found: UInt64(done))
                    break
                } else if errno != EINTR {
                    problem = .unreadable(systemMessage())
                    break
                }
            }
            filled = done
        }
        if let problem { throw FeedbackDataError(file: path, record: record, problem) }
        return bytes
    }
}

/// The small text file that stands for a large one in a clone without Git-LFS.
struct LFSPointer {
    /// The real file's bytes, when the pointer says.
    var size: Int?

    init?(_ start: [UInt8]) {
        guard start.starts(with: Array("version https://git-lfs.github.com/spec/".utf8)) else { return nil }
        for line in start.split(separator: 0x0a) where line.starts(with: Array("size ".utf8)) {
            size = Int(String(decoding: line.dropFirst(5), as: UTF8.self))
        }
    }
}

/// What `errno` says.
func systemMessage() -> String {
    String(cString: strerror(errno))
}
