import Glibc
package import RewardData

package func readFile(_ path: String) throws(TrainingError) -> [UInt8] {
    guard let file = fopen(path, "rb") else { throw systemError(path) }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
        let count = fread(&chunk, 1, chunk.count, file)
        bytes += chunk[..<count]
        if count < chunk.count { break }
    }
    guard ferror(file) == 0 else { throw systemError(path) }
    return bytes
}

/// Writes a whole file under a temporary name, then renames it: readers never see half of it.
package func writeFile(_ bytes: [UInt8], to path: String) throws(TrainingError) {
    let temporary = "\(path).partial"
    guard let file = fopen(temporary, "wb") else { throw systemError(path) }
    var ok = fwrite(bytes, 1, bytes.count, file) == bytes.count
    ok = fflush(file) == 0 && ok
    ok = fsync(fileno(file)) == 0 && ok
    guard fclose(file) == 0, ok, rename(temporary, path) == 0 else {
        let error = systemError(path)
        unlink(temporary)
        throw error
    }
}

package func makeFolder(_ path: String) throws(TrainingError) {
    if mkdir(path, 0o755) != 0, errno != EEXIST { throw systemError(path) }
}

package func isFolder(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
}

package func listFolder(_ path: String) throws(FeedbackDataError) -> [String] {
    guard let handle = opendir(path) else {
        throw FeedbackDataError(file: path, .unreadable(String(cString: strerror(errno))))
    }
    defer { closedir(handle) }
    var names: [String] = []
    while let entry = readdir(handle) {
        names.append(
            withUnsafeBytes(of: &entry.pointee.d_name) { raw in
                String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
            })
    }
    return names.filter { $0 != "." && $0 != ".." }
}

/// Removes a folder and the files in it; folders inside it stay.
package func removeFolder(_ path: String) {
    for name in (try? listFolder(path)) ?? [] { unlink("\(path)/\(name)") }
    rmdir(path)
}

package func systemError(_ path: String) -> TrainingError {
    .file(path: path, reason: String(cString: strerror(errno)))
}

/// Seconds of a clock that only goes forward.
package func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}
