import FoundationEssentials
import Glibc
import RewardTestSupport

/// Runs a built executable as a stranger's script would: its output, with or without standard error, and exit code.
func run(_ product: String, _ arguments: [String], errors: Bool = true) -> (output: String, code: Int32) {
    let words = ["\(Fixtures.repository)/.build/release/\(product)"] + arguments
    let quoted = words.map {
        "'" + $0.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }
    guard let pipe = popen(quoted.joined(separator: " ") + (errors ? " 2>&1" : " 2>/dev/null"), "r") else {
        return ("", -1)
    }
    var output: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4096)
    while case let count = fread(&chunk, 1, chunk.count, pipe), count > 0 { output += chunk[..<count] }
    return (String(decoding: output, as: UTF8.self), pclose(pipe) >> 8)
}

/// A folder of one test's own, removed with the value.
final class TemporaryFolder {
    let path: String

    init() throws {
        path = "/tmp/rahf-test-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ bytes: [UInt8], _ name: String) throws {
        let folder = "\(path)/\(name)".split(separator: "/").dropLast().joined(separator: "/")
        try FileManager.default.createDirectory(atPath: "/\(folder)", withIntermediateDirectories: true)
        try Data(bytes).write(to: URL(filePath: "\(path)/\(name)"))
    }

    func read(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(filePath: "\(path)/\(name)")))
    }

    func exists(_ name: String) -> Bool {
        access("\(path)/\(name)", F_OK) == 0
    }

    /// The names in a subfolder, sorted.
    func names(_ folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "\(path)/\(folder)").sorted()
    }
}
