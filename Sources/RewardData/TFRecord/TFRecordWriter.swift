import Glibc

/// Writes records one after another under a temporary name; `finish()` gives the file its own.
///
/// A process that dies leaves the old file, if there was one, and a `.partial` beside it.
public final class TFRecordWriter {
    public let path: String
    private let temporary: String
    private var file: UnsafeMutablePointer<FILE>?
    /// Records written.
    public private(set) var count = 0

    public init(path: String) throws(FeedbackDataError) {
        self.path = path
        temporary = "\(path).partial"
        file = fopen(temporary, "wbe")
        if file == nil { throw FeedbackDataError(file: path, .unwritable(systemMessage())) }
    }

    deinit {
        if let file {
            fclose(file)
            unlink(temporary)
        }
    }

    /// Appends one record.
    public func write(_ bytes: [UInt8]) throws(FeedbackDataError) {
        let frame = Self.frame(bytes)
        guard let file else { preconditionFailure("the writer has finished") }
        guard fwrite(frame, 1, frame.count, file) == frame.count else {
            throw FeedbackDataError(file: path, record: count, .unwritable(systemMessage()))
        }
        count += 1
    }

    /// A record as it lies in a file: length and bytes, each with its checksum.
    package static func frame(_ bytes: [UInt8]) -> [UInt8] {
        var frame: [UInt8] = []
        frame.reserveCapacity(bytes.count + 16)
        withUnsafeBytes(of: UInt64(bytes.count).littleEndian) { length in
            frame += length
            withUnsafeBytes(of: CRC32C.masked(length).littleEndian) { frame += $0 }
        }
        frame += bytes
        bytes.withUnsafeBytes { data in
            withUnsafeBytes(of: CRC32C.masked(data).littleEndian) { frame += $0 }
        }
        return frame
    }

    /// Puts what was written on the disk and gives the file its name. Without it nothing is left.
    public func finish() throws(FeedbackDataError) {
        guard let file else { return }
        self.file = nil
        let flushed = fflush(file) == 0 && fsync(fileno(file)) == 0
        guard fclose(file) == 0, flushed, rename(temporary, path) == 0 else {
            let error = FeedbackDataError(file: path, .unwritable(systemMessage()))
            unlink(temporary)
            throw error
        }
    }
}
