import Glibc

/// What is in folders, made and removed.
package enum Folders {
    package enum Kind {
        case folder, file, other
    }

    /// Nil when there is nothing.
    package static func kind(_ path: String) -> Kind? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        switch status.st_mode & S_IFMT {
        case S_IFDIR: return .folder
        case S_IFREG: return .file
        default: return .other
        }
    }

    package static func isFolder(_ path: String) -> Bool { kind(path) == .folder }

    /// The names in a folder, sorted by their bytes.
    ///
    /// - Parameter missingIsEmpty: a folder that is not there has no names; it is an error otherwise.
    package static func names(_ path: String, missingIsEmpty: Bool = false) throws(Failure) -> [String] {
        guard let handle = opendir(path) else {
            if missingIsEmpty, errno == ENOENT { return [] }
            throw systemFailure(path)
        }
        defer { closedir(handle) }
        var names: [String] = []
        while let entry = readdir(handle) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { raw in
                String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    package static func make(_ path: String) throws(Failure) {
        guard mkdir(path, 0o755) == 0 else { throw systemFailure(path) }
    }

    /// Removes a file or a folder with what is in it; what links point to stays.
    package static func remove(_ path: String) throws(Failure) {
        var status = stat()
        guard lstat(path, &status) == 0 else { throw systemFailure(path) }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            guard unlink(path) == 0 else { throw systemFailure(path) }
            return
        }
        for name in try names(path) { try remove("\(path)/\(name)") }
        guard rmdir(path) == 0 else { throw systemFailure(path) }
    }

    /// The folder a path lies in, and its last part.
    package static func split(_ path: String) -> (parent: String, name: String) {
        var path = Substring(path)
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        guard let slash = path.lastIndex(of: "/") else { return (".", String(path)) }
        let parent = path[..<slash]
        return (parent.isEmpty ? "/" : String(parent), String(path[path.index(after: slash)...]))
    }

    /// `path` as seen from `folder`.
    package static func join(_ folder: String, _ path: String) -> String {
        if path.hasPrefix("/") || folder == "." { return path }
        return folder.hasSuffix("/") ? folder + path : "\(folder)/\(path)"
    }
}
