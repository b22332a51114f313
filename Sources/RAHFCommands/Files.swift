import Glibc
import RewardModel

func environmentVariable(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }
}

/// Reads a whole file.
func readFile(_ path: String) throws(Failure) -> [UInt8] {
    guard let file = fopen(path, "rb") else { throw systemFailure(path) }
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

/// Writes a whole file under a temporary name, then renames it: readers never see half of it.
func writeFile(_ bytes: [UInt8], to path: String) throws(Failure) {
    let temporary = "\(path).partial"
    guard let file = fopen(temporary, "wb") else { throw systemFailure(path) }
    let written = fwrite(bytes, 1, bytes.count, file) == bytes.count
    guard fclose(file) == 0, written, rename(temporary, path) == 0 else {
        let failure = systemFailure(path)
        unlink(temporary)
        throw failure
    }
}

func isFolder(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
}

/// The names in a folder, in no order.
func namesIn(_ folder: String) throws(Failure) -> [String] {
    guard let handle = opendir(folder) else { throw systemFailure(folder) }
    defer { closedir(handle) }
    var names: [String] = []
    while let entry = readdir(handle) {
        let name = withUnsafeBytes(of: &entry.pointee.d_name) { raw in
            String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
        }
        if name != ".", name != ".." { names.append(name) }
    }
    return names
}

func writeError(_ line: String, terminator: String = "\n") {
    let bytes = Array((line + terminator).utf8)
    _ = write(2, bytes, bytes.count)
}

/// A path's last part without its extension.
func stem(_ path: String) -> String {
    let name = path.split(separator: "/").last.map(String.init) ?? path
    guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return name }
    return String(name[..<dot])
}

private func systemFailure(_ path: String) -> Failure {
    Failure(.fileError, "\(path): \(String(cString: strerror(errno)))")
}
