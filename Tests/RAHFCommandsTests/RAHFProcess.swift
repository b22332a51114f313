import Glibc
import RewardTestSupport

/// The built command, run as a stranger's script would run it.
enum RAHFProcess {
    static let model = Fixtures.path("RewardModelTests", "golden-multi-port")
    static let picture = "\(model)/picture-0.png"

    /// Runs `rahf` through the shell: its standard output and exit code.
    ///
    /// - Parameters:
    ///   - environment: what stands before the command in the shell.
    ///   - wrapper: a program that takes the whole command as one argument.
    ///   - errors: where standard error goes.
    static func run(
        _ arguments: String, environment: String = "", wrapper: String? = nil, errors: String = "2>/dev/null"
    ) -> (output: String, code: Int32) {
        var command = "\(Fixtures.repository)/.build/release/rahf \(arguments)"
        if let wrapper { command = "\(wrapper) \"\(command)\"" }
        guard let pipe = popen("\(environment) \(command) \(errors)", "r") else { return ("", -1) }
        var output: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while case let count = fread(&chunk, 1, chunk.count, pipe), count > 0 { output += chunk[..<count] }
        return (String(decoding: output, as: UTF8.self), pclose(pipe) >> 8)
    }
}
