import Glibc

/// A file mapped read-only for as long as this object lives, or a caller's memory that stands for one.
final class MappedFile: Sendable {
    private let base: UInt
    private let count: Int
    private let isBorrowed: Bool

    var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: UnsafeRawPointer(bitPattern: base), count: count)
    }

    init(path: String) throws(WeightsError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .unreadable(path: path, reason: String(cString: strerror(errno))) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw .unreadable(path: path, reason: "it is not a regular file")
        }
        let size = Int(status.st_size)
        guard size > 0 else { throw .unreadable(path: path, reason: "it is empty") }
        guard let address = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), address != MAP_FAILED else {
            throw .unreadable(path: path, reason: String(cString: strerror(errno)))
        }
        base = UInt(bitPattern: address)
        count = size
        isBorrowed = false
    }

    /// Takes memory in place of a file. It must stay valid and unchanged while this object lives.
    init(borrowing bytes: UnsafeRawBufferPointer) {
        base = UInt(bitPattern: bytes.baseAddress)
        count = bytes.count
        isBorrowed = true
    }

    deinit {
        if !isBorrowed { munmap(UnsafeMutableRawPointer(bitPattern: base), count) }
    }

    /// Lets the pages leave memory; a later read maps them again from the file.
    func releasePages() {
        if !isBorrowed { madvise(UnsafeMutableRawPointer(bitPattern: base), count, MADV_DONTNEED) }
    }
}

/// Reads a whole small file.
func readFile(_ path: String) throws(WeightsError) -> [UInt8] {
    let file = try MappedFile(path: path)
    return withExtendedLifetime(file) { Array(file.bytes) }
}
