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
