import Glibc
package import RewardModel

/// What the curation needs of folders.
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

    /// The names in a folder, sorted by their bytes.
    package static func names(_ path: String) throws(Failure) -> [String] {
        guard let handle = opendir(path) else { throw systemFailure(path) }
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

extension Folders {
    /// The first path, as seen from both folders, at which they differ: in names, kinds, contents or where links point.
    static func difference(_ first: String, _ second: String) throws(Failure) -> String? {
        let names = try (names(first), names(second))
        if let name = Set(names.0).symmetricDifference(names.1).min() { return name }
        for name in names.0 {
            let (here, there) = ("\(first)/\(name)", "\(second)/\(name)")
            var status = (stat(), stat())
            guard lstat(here, &status.0) == 0 else { throw systemFailure(here) }
            guard lstat(there, &status.1) == 0 else { throw systemFailure(there) }
            let kind = status.0.st_mode & S_IFMT
            guard kind == status.1.st_mode & S_IFMT else { return name }
            switch kind {
            case S_IFDIR:
                if let inner = try difference(here, there) { return "\(name)/\(inner)" }
            case S_IFLNK:
                guard try target(here) == target(there) else { return name }
            default:
                guard status.0.st_size == status.1.st_size, try sameContents(here, there) else { return name }
            }
        }
        return nil
    }

    private static func target(_ link: String) throws(Failure) -> [CChar] {
        var target = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink(link, &target, target.count)
        guard count >= 0 else { throw systemFailure(link) }
        return Array(target[..<count])
    }

    private static func sameContents(_ first: String, _ second: String) throws(Failure) -> Bool {
        let files = try (SystemFile(path: first), SystemFile(path: second))
        let piece = 1 << 20
        var offset = 0
        while true {
            let bytes = try files.0.bytes(at: offset, count: piece)
            guard bytes == (try files.1.bytes(at: offset, count: piece)) else { return false }
            if bytes.count < piece { return true }
            offset += piece
        }
    }
}
