import Glibc
package import RewardModel

/// An open file, closed with its last reference.
package final class SystemFile: Sendable {
    package let path: String
    package let descriptor: Int32

    package init(path: String, flags: Int32 = O_RDONLY) throws(Failure) {
        self.path = path
        descriptor = open(path, flags | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw systemFailure(path) }
    }

    deinit {
        close(descriptor)
    }

    package func size() throws(Failure) -> Int {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw systemFailure(path) }
        return Int(status.st_size)
    }

    /// Reads up to `buffer.count` bytes; fewer only at the file's end.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(Failure) -> Int {
        var done = 0
        while done < buffer.count {
            let count = pread(
                descriptor, buffer.baseAddress.map { $0 + done }, buffer.count - done, off_t(offset + done))
            if count == 0 { break }
            if count < 0 {
                if errno == EINTR { continue }
                throw systemFailure(path)
            }
            done += count
        }
        return done
    }

    /// The bytes from `offset`, fewer at the file's end.
    package func bytes(at offset: Int, count: Int) throws(Failure) -> [UInt8] {
        var found = [UInt8](repeating: 0, count: count)
        let done = try found.withUnsafeMutableBufferPointer { (buffer) throws(Failure) in
            try read(into: UnsafeMutableRawBufferPointer(buffer), at: offset)
        }
        found.removeLast(count - done)
        return found
    }

    package func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(Failure) {
        var done = 0
        while done < bytes.count {
            let count = pwrite(
                descriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done, off_t(offset + done))
            if count < 0 {
                if errno == EINTR { continue }
                throw systemFailure(path)
            }
            done += count
        }
    }
}

extension Array {
    /// `withUnsafeBytes` that throws what its closure throws.
    func withRawBytes<Fault: Error>(_ body: (UnsafeRawBufferPointer) throws(Fault) -> Void) throws(Fault) {
        try withUnsafeBufferPointer { (buffer) throws(Fault) in try body(UnsafeRawBufferPointer(buffer)) }
    }
}

/// A file written from its start, in large pieces.
package final class FileWriter {
    private let file: SystemFile
    private var pending: [UInt8] = []
    private var written = 0
    private static let piece = 1 << 20

    package init(path: String) throws(Failure) {
        file = try SystemFile(path: path, flags: O_WRONLY | O_CREAT | O_EXCL)
        pending.reserveCapacity(Self.piece + 4096)
    }

    /// Bytes given so far.
    package var count: Int { written + pending.count }

    package func append(_ bytes: [UInt8]) throws(Failure) {
        try bytes.withRawBytes { (raw) throws(Failure) in try append(raw) }
    }

    package func append(_ text: String) throws(Failure) {
        pending.append(contentsOf: text.utf8)
        try flushIfFull()
    }

    package func append(_ bytes: UnsafeRawBufferPointer) throws(Failure) {
        pending.append(contentsOf: bytes)
        try flushIfFull()
    }

    private func flushIfFull() throws(Failure) {
        if pending.count >= Self.piece { try flush() }
    }

    /// Nothing is on disk for certain before this.
    package func flush() throws(Failure) {
        try pending.withRawBytes { (raw) throws(Failure) in try file.write(raw, at: written) }
        written += pending.count
        pending.removeAll(keepingCapacity: true)
    }
}
