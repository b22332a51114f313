import Glibc

/// Makes a folder and those above it; does nothing where it is there.
///
/// - Throws: `Failure` with `fileError`, naming the folder that could not be made.
package func makeFolders(_ path: String) throws(Failure) {
    var prefix = path.hasPrefix("/") ? "/" : ""
    for part in path.split(separator: "/") {
        prefix += "\(part)/"
        guard mkdir(prefix, 0o755) != 0 else { continue }
        let reason = errno
        // The slash at the end asks for a folder: a file of that name is none.
        if reason == EEXIST, access(prefix, F_OK) == 0 { continue }
        let text = String(cString: strerror(reason == EEXIST ? ENOTDIR : reason))
        throw Failure(.fileError, "\(prefix): \(text)")
    }
}
