import Glibc
import RewardTestSupport
import Testing

/// A running `rahf serve` at a socket file of its own, with what it logs in a file.
struct WatchedServe {
    let endpoint: String
    let logPath: String
    private let process: pid_t

    /// Returns when it listens.
    ///
    /// - Parameter command: what serves, and its arguments before the options.
    init(_ folder: TemporaryFolder, command: [String] = ["serve"], _ options: [String] = []) throws {
        endpoint = "ipc://\(folder.path)/serve.sock"
        logPath = "\(folder.path)/log-\(options.count)-\(Int.random(in: 0..<1_000_000))"
        let binary = "\(Fixtures.repository)/.build/release/rahf"
        let arguments = [binary] + command + ["--model", RAHFProcess.model, "--bind", endpoint] + options
        var cArguments = arguments.map { strdup($0) } + [nil]
        defer { for pointer in cArguments { free(pointer) } }
        var files = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&files)
        defer { posix_spawn_file_actions_destroy(&files) }
        posix_spawn_file_actions_addopen(&files, 2, logPath, O_WRONLY | O_CREAT, 0o600)
        var pid = pid_t()
        try #require(posix_spawn(&pid, binary, &files, nil, &cArguments, environ) == 0)
        process = pid
        for _ in 0..<10_000 where !log.contains("ready") { usleep(2000) }
        try #require(log.contains("ready"), "\(log)")
    }

    var log: String {
        guard let file = fopen(logPath, "rb") else { return "" }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while case let count = fread(&chunk, 1, chunk.count, file), count > 0 { bytes += chunk[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The exit code, or 1000 and the signal that ended the process.
    func end(_ signal: Int32 = SIGTERM) -> Int32 {
        kill(process, signal)
        var status: Int32 = 0
        waitpid(process, &status, 0)
        return status & 0x7f == 0 ? status >> 8 & 0xff : 1000 + status & 0x7f
    }
}
