import Glibc
import RewardModel

/// Numbered files of records in one folder, and how many bytes they may have together.
final class RecordFiles {
    private let folder: String
    private let limit: Int
    /// A file that would become longer ends, and the next one begins.
    private let segment: Int
    /// Held for as long as this lives: one writer a folder.
    private let lock: Int32
    /// Numbers and sizes, oldest first; the last is open while `file` is.
    private var files: [(number: Int, size: Int)]
    private var file: Int32 = -1

    /// - Throws: `fileError` when the folder cannot be made, or another server writes there.
    init(folder: String, limit: Int) throws(Failure) {
        self.folder = folder
        self.limit = limit
        segment = max(limit / 16, 1)
        if mkdir(folder, 0o700) != 0, errno != EEXIST { throw Self.failure(folder) }
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.failure(folder) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw Failure(.fileError, "\(folder): another server records there")
        }
        lock = descriptor
        files = []
        for number in try Self.numbers(in: folder) {
            files.append((number, Self.size("\(folder)/\(Self.name(number))")))
        }
    }

    deinit {
        if file >= 0 { close(file) }
        close(lock)
    }

    static func name(_ number: Int) -> String {
        let digits = "\(number)"
        return String(repeating: "0", count: max(8 - digits.count, 0)) + digits + ".tfrecord"
    }

    /// The numbers of a folder's files, oldest first.
    static func numbers(in folder: String) throws(Failure) -> [Int] {
        try Folders.names(folder).compactMap { name in
            guard let number = Int(name.prefix { $0 != "." }), number > 0, name == Self.name(number) else { return nil }
            return number
        }.sorted()
    }

    /// Appends one record as it lies in the file, after making room for it.
    ///
    /// - Returns: its bytes.
    /// - Throws: `fileError`; the file then ends with the record before.
    func append(_ frame: [UInt8]) throws(Failure) -> Int {
        guard frame.count <= limit else {
            throw Failure(.fileError, "a record of \(frame.count) bytes is larger than the limit of \(limit)")
        }
        // A file of an earlier run may end within a record, so a run begins a new one.
        if file < 0 || files[files.count - 1].size > 0 && files[files.count - 1].size + frame.count > segment {
            try begin()
        }
        while files.count > 1, files.reduce(frame.count, { $0 + $1.size }) > limit {
            unlink("\(folder)/\(Self.name(files.removeFirst().number))")
        }
        var done = 0
        while done < frame.count {
            let count = frame[done...].withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
            if count >= 0 {
                done += count
            } else if errno != EINTR {
                let failure = Self.failure("\(folder)/\(Self.name(files[files.count - 1].number))")
                // Half a record must not stand before the next; when it cannot be removed, the next gets a new file.
                let size = off_t(files[files.count - 1].size)
                if ftruncate(file, size) != 0 || lseek(file, size, Int32(SEEK_SET)) < 0 {
                    close(file)
                    file = -1
                }
                throw failure
            }
        }
        files[files.count - 1].size += frame.count
        return frame.count
    }

    private func begin() throws(Failure) {
        if file >= 0 { close(file) }
        file = -1
        let number = (files.last?.number ?? 0) + 1
        let path = "\(folder)/\(Self.name(number))"
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Self.failure(path) }
        file = descriptor
        files.append((number, 0))
    }

    private static func size(_ path: String) -> Int {
        var status = stat()
        return stat(path, &status) == 0 ? Int(status.st_size) : 0
    }

    private static func failure(_ path: String) -> Failure {
        Failure(.fileError, "\(path): \(String(cString: strerror(errno)))")
    }
}
