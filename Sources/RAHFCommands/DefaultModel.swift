import Glibc

/// The model that ships with the program: what commands use when none is named.
enum DefaultModel {
    static let name = "rahf-mini"

    /// The folder of the model, or nil where it was not installed.
    ///
    /// Looks in `share/rahf/models` beside the folder of the executable, then in `Models` of each folder above it, which
    /// finds the repository's from `.build`.
    static func path() -> String? { path(executable: executable()) }

    static func path(executable: String) -> String? {
        var parts = executable.split(separator: "/").dropLast()
        var candidates: [String] = []
        if !parts.isEmpty { candidates.append("/\(parts.dropLast().joined(separator: "/"))/share/rahf/models/\(name)") }
        for _ in 0..<6 where !parts.isEmpty {
            candidates.append("/\(parts.joined(separator: "/"))/Models/\(name)")
            parts = parts.dropLast()
        }
        return candidates.first { access("\($0)/config.json", R_OK) == 0 }
    }

    /// The running program's file, links followed; empty when the system does not say.
    private static func executable() -> String {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        let count = readlink("/proc/self/exe", &buffer, buffer.count - 1)
        return count > 0 ? String(decoding: buffer[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self) : ""
    }
}
