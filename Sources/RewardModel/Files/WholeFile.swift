import Glibc

/// Files read and written at once.
package enum WholeFile {
    /// - Throws: `Failure` with `fileError`, naming the file.
    package static func read(_ path: String) throws(Failure) -> [UInt8] {
        guard let file = fopen(path, "rbe") else { throw systemFailure(path) }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = fread(&chunk, 1, chunk.count, file)
            bytes += chunk[..<count]
            if count < chunk.count { break }
        }
        guard ferror(file) == 0 else { throw systemFailure(path) }
        return bytes
    }

    /// Writes under a temporary name, then renames: readers never see half of it.
    ///
    /// - Parameter isDurable: also waits for the disk, so that the file survives the machine's fall.
    /// - Throws: `Failure` with `fileError`, naming the file; what was there before stays.
    package static func write(_ bytes: [UInt8], to path: String, isDurable: Bool = false) throws(Failure) {
        let temporary = "\(path).partial"
        guard let file = fopen(temporary, "wbe") else { throw systemFailure(path) }
        var isWritten = fwrite(bytes, 1, bytes.count, file) == bytes.count && fflush(file) == 0
        if isDurable { isWritten = isWritten && fsync(fileno(file)) == 0 }
        guard fclose(file) == 0, isWritten, rename(temporary, path) == 0 else {
            let failure = systemFailure(path)
            unlink(temporary)
            throw failure
        }
    }
}
